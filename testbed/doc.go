// Package testbed is the harness that drives the built otelcol-mship binary
// from outside, the way a ship and its shore would. It imports nothing of the
// exporter or the extensions: what it proves, it proves about the program.
//
//	load  ──▶  agent (the binary)  ──▶  satellite, where the way counts  ──▶  shore
//	  │                                                                         │
//	  └───────────────────────────────▶  tally  ◀───────────────────────────────┘
//
// Every record carries a number (package record). Package load sends them and
// remembers which were acknowledged, package shore counts which arrived, and
// package tally says what was lost and what came twice.
package testbed
