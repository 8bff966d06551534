package surface

import (
	"encoding/binary"
	"strconv"
)

// capabilityNames are the capabilities of Linux by number
// (include/uapi/linux/capability.h).
var capabilityNames = [...]string{
	"cap_chown", "cap_dac_override", "cap_dac_read_search", "cap_fowner", "cap_fsetid", "cap_kill", "cap_setgid",
	"cap_setuid", "cap_setpcap", "cap_linux_immutable", "cap_net_bind_service", "cap_net_broadcast", "cap_net_admin",
	"cap_net_raw", "cap_ipc_lock", "cap_ipc_owner", "cap_sys_module", "cap_sys_rawio", "cap_sys_chroot",
	"cap_sys_ptrace", "cap_sys_pacct", "cap_sys_admin", "cap_sys_boot", "cap_sys_nice", "cap_sys_resource",
	"cap_sys_time", "cap_sys_tty_config", "cap_mknod", "cap_lease", "cap_audit_write", "cap_audit_control",
	"cap_setfcap", "cap_mac_override", "cap_mac_admin", "cap_syslog", "cap_wake_alarm", "cap_block_suspend",
	"cap_audit_read", "cap_perfmon", "cap_bpf", "cap_checkpoint_restore",
}

// Capabilities reads the permitted and inheritable sets of a
// security.capability attribute: struct vfs_cap_data of the same header, all
// numbers little-endian, one pair of 32-bit sets in revision 1 and two in the
// later ones. nil for what is none.
func Capabilities(attribute []byte) []string {
	const revisionMask = 0xff000000
	if len(attribute) < 12 {
		return nil
	}
	pairs := 0
	switch binary.LittleEndian.Uint32(attribute) & revisionMask {
	case 0x01000000:
		pairs = 1
	case 0x02000000, 0x03000000:
		pairs = 2
	}
	if len(attribute) < 4+8*pairs {
		return nil
	}
	var names []string
	for pair := range pairs {
		permitted := binary.LittleEndian.Uint32(attribute[4+8*pair:])
		inheritable := binary.LittleEndian.Uint32(attribute[8+8*pair:])
		for bit := range 32 {
			if (permitted|inheritable)>>bit&1 == 0 {
				continue
			}
			number := 32*pair + bit
			if number < len(capabilityNames) {
				names = append(names, capabilityNames[number])
			} else {
				names = append(names, "cap_"+strconv.Itoa(number))
			}
		}
	}
	return names
}
