// Package storebench holds the store's benchmarks to what the README promises,
// side by side with file_storage (fsync: true): the same queue, exporterhelper's
// own, on the same payloads in the same run. A promise that is missed fails its
// benchmark. `make bench` runs them; they need Linux and strace.
package storebench
