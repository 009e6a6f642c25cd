//go:build !linux

package agent

import "syscall"

// leash does nothing here: only Linux can tie a child to its parent.
func leash() *syscall.SysProcAttr { return nil }
