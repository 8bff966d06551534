// Package costs bounds what an input may cost a fuzz target: processor time and
// memory by the byte, far above what honest parsers take and far below what one
// takes that goes over its input again for each part of it. It is for tests.
package costs

import (
	"fmt"
	"reflect"
	"runtime/metrics"
	"testing"
	"time"
)

// What an input costs whatever its size: buffers, tables, a database opened, a
// machine that does something else. What each byte of it costs comes on top.
const (
	BaseTime      = 10 * time.Second
	TimePerByte   = 200 * time.Microsecond
	BaseMemory    = 512 << 20 // bytes allocated in all, not held at once
	MemoryPerByte = 16 << 10
)

// Fuzz is f.Fuzz for a function whose cost has a bound.
func Fuzz(f *testing.F, fn any) {
	f.Helper()
	target := reflect.ValueOf(fn)
	f.Fuzz(reflect.MakeFunc(target.Type(), func(args []reflect.Value) []reflect.Value {
		t := args[0].Interface().(*testing.T)
		size := sizeOf(args[1:])
		time, memory := spent(), allocated()
		target.Call(args)
		if over := beyond(size, spent()-time, allocated()-memory); over != "" {
			t.Error(over)
		}
		return nil
	}).Interface())
}

func beyond(size int, time time.Duration, memory uint64) string {
	switch {
	case time > BaseTime+TimePerByte*durationOf(size):
		return fmt.Sprintf("%d bytes cost %s of processor time", size, time)
	case memory > BaseMemory+MemoryPerByte*uint64(size):
		return fmt.Sprintf("%d bytes cost %d bytes of memory", size, memory)
	}
	return ""
}

func durationOf(n int) time.Duration { return time.Duration(n) }

// sizeOf counts the bytes of a target's arguments.
func sizeOf(args []reflect.Value) int {
	size := 0
	for _, a := range args {
		switch a.Kind() {
		case reflect.String, reflect.Slice:
			size += a.Len()
		default:
			size += int(a.Type().Size())
		}
	}
	return size
}

// allocated is how many bytes this process has ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
