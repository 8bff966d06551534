package exe

import "testing"

func TestRoleOf(t *testing.T) {
	elf := func(kind byte) []byte {
		head := make([]byte, 64)
		copy(head, "\x7fELF\x02\x01\x01")
		head[16] = kind
		return head
	}
	const relocatable, executable, dynamic = 1, 2, 3
	for _, c := range []struct {
		base string
		head []byte
		want Role
	}{
		{"sh", elf(executable), Program},
		{"sh", elf(dynamic), Program},
		{"libc.so.6", elf(dynamic), Library},
		{"ld-linux-x86-64.so.2", elf(dynamic), Library},
		{"_ssl.cpython-311-x86_64-linux-gnu.so", elf(dynamic), Library},
		{"bcrypt.node", elf(dynamic), Library},
		{"sofa", elf(dynamic), Program},
		{"crt1.o", elf(relocatable), NoRole},
		{"libc.so", []byte("/* GNU ld script"), NoRole},
		{"run.sh", []byte("#!/bin/sh\n"), Script},
		{"empty", nil, NoRole},
	} {
		if got := RoleOf(c.base, c.head); got != c.want {
			t.Errorf("RoleOf(%q, type %v) = %d, want %d", c.base, c.head, got, c.want)
		}
	}
	head := elf(dynamic)
	if n := testing.AllocsPerRun(10, func() { RoleOf("libc.so.6", head) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
