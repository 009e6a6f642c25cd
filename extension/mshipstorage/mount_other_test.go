//go:build !linux

package mshipstorage

import "errors"

func mountSmall(string, int64) error { return errors.New("not on Linux") }

func unmount(string) error { return nil }
