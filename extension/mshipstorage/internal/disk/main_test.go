package disk_test

import (
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/otelcol-mship/otelcol-mship/extension/mshipstorage/internal/disk"
)

// holder is the variable that makes of this binary a process that locks a directory.
const holder = "MSHIP_TEST_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(holder); path != "" {
		hold(path)
		return
	}
	goleak.VerifyTestMain(m)
}

// hold locks a directory, says how that went, and keeps the lock until its input ends.
func hold(path string) {
	lock, err := disk.Lock(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = lock.Close()
}
