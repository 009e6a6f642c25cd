// Package voyage holds tests of the whole: the exporter mship, made by its
// public factory, on the store of this extension, on a disk whose power is cut.
// Each of the two is tested by itself elsewhere; what they promise together,
// exactly once, is shown here. It is the only place where the two meet, and
// nothing but tests is to be in it (internal/house).
package voyage
