// Package compare measures the built agent beside the stock exporter in the
// same binary, in the same run: `make bench` runs it.
package compare
