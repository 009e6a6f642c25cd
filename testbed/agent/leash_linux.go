package agent

import "syscall"

// leash makes a child die with us, and keeps a Ctrl-C at the terminal from it:
// who starts an agent ends it.
func leash() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
