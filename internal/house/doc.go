// Package house holds the rules of the repository as a whole. Its tests keep them:
// generated code is current, imports go where the design lets them, the distribution is what it
// says it is, and every configuration in config/ is accepted by the built binary.
package house
