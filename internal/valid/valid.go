// Package valid is how our components say that a setting is wrong.
package valid

import "fmt"

// If is nil where a setting is right, else an error of what is wrong and what to do.
func If(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
