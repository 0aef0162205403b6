package base

import "testing"

func TestChangeInterfaces(t *testing.T) {
	const em = "ifconfig vtnet0 | grep 'inet '"
	try(t, []sample{
		{"ifconfig vtnet0 inet 192.0.2.99/32 alias; " + em + "; ifconfig vtnet0 -alias 192.0.2.99", "\tinet 192.0.2.10 netmask 0xffffff00 broadcast 192.0.2.255\n\tinet 192.0.2.99 netmask 0xffffffff broadcast 192.0.2.99\n", "", 0},
		{"ifconfig vtnet0 10.1.2.3 netmask 255.255.0.0; " + em, "\tinet 10.1.2.3 netmask 0xffff0000 broadcast 10.1.255.255\n", "", 0},
		{"netstat -rn -f inet | grep -c default; ifconfig vtnet0 192.0.2.10/24 && route -q add default 192.0.2.1", "0\n", "", 0},
		{"ifconfig vtnet0 -alias 192.0.2.77", "", "ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address\n", 1},
		{"ifconfig lo0 alias 192.0.2.10/32", "", "ifconfig: ioctl (SIOCAIFADDR): File exists\n", 1},
		{"ifconfig vtnet0 inet 10.0.0.300", "", "ifconfig: 10.0.0.300: bad value\n", 1},
		{"ifconfig em9 up", "", "ifconfig: interface em9 does not exist\n", 1},
		{"ifconfig lo1 create && ifconfig lo1 inet 10.0.0.1/24 && ifconfig -l && ifconfig -g lo", "vtnet0 lo0 lo1\nlo0\nlo1\n", "", 0},
		{"ifconfig lo1 destroy", "", "", 0},
		{"ifconfig lo create && ifconfig lo1 destroy && ifconfig lo1", "lo1\n", "ifconfig: interface lo1 does not exist\n", 1},
		{"ifconfig epair0 create && ifconfig -g epair && ifconfig epair0b destroy; ifconfig -g epair", "epair0a\nepair0a\nepair0b\n\n", "", 0},
		{"ifconfig lo1 create; ifconfig lo1 create", "", "ifconfig: SIOCIFCREATE2 (lo1): File exists\n", 1},
		{"ifconfig foo1 create", "", "ifconfig: SIOCIFCREATE2 (foo1): Invalid argument\n", 1},
		{"ifconfig vtnet0 destroy", "", "ifconfig: SIOCIFDESTROY: Invalid argument\n", 1},
		{"ifconfig vtnet0 mtu 9000 && ifconfig vtnet0 | grep -o 'mtu.*'", "mtu 9000\n", "", 0},
		{"ifconfig vtnet0 down; ping -c1 192.0.2.1 | tail -1", "1 packets transmitted, 0 packets received, 100.0% packet loss\n", "", 0},
		{"ifconfig vtnet0 promisc", "", "the simulator can't: ifconfig promisc\n", 70},
		{"su -m nobody -c 'ifconfig vtnet0 up'", "", "ifconfig: ioctl (SIOCSIFFLAGS): permission denied\n", 1},
	})
}

func TestChangeRoutes(t *testing.T) {
	try(t, []sample{
		{"route add -net 10.0.0.0/8 192.0.2.7; route add 203.0.113.5 192.0.2.8; netstat -rn -f inet | grep UG", "add net 10.0.0.0: gateway 192.0.2.7\nadd host 203.0.113.5: gateway 192.0.2.8\n" +
			"default            192.0.2.1          UGS         vtnet0\n10.0.0.0/8         192.0.2.7          UGS         vtnet0\n203.0.113.5        192.0.2.8          UGHS        vtnet0\n", "", 0},
		{"route -q delete -net 10.0.0.0/8; route -q delete 203.0.113.5", "", "", 0},
		{"route add -net 10.0.0.0/8 192.0.2.7; route -n get 10.1.2.3 | grep -e gateway -e interface; route -q delete -net 10.0.0.0/8", "add net 10.0.0.0: gateway 192.0.2.7\n    gateway: 192.0.2.7\n  interface: vtnet0\n", "", 0},
		{"route add default 192.0.2.9", "add net default: gateway 192.0.2.9 fib 0: route already in table\n", "route: writing to routing socket: File exists\n", 1},
		{"route delete default && route add default 192.0.2.9 && route -n get default | grep gateway", "delete net default\nadd net default: gateway 192.0.2.9\n    gateway: 192.0.2.9\n", "", 0},
		{"route -q delete default; route delete default; c=$?; route -q add default 192.0.2.1; exit $c", "delete net default fib 0: not in table\n", "route: writing to routing socket: No such process\n", 1},
		{"netstat -rnW -f inet | grep -e Dest -e default", "Destination        Gateway            Flags     Nhop#    Mtu    Netif Expire\ndefault            192.0.2.1          UGS           1   1500   vtnet0\n", "", 0},
		{"netstat --libxo json -rnW -f inet | grep -o '\"rt-entry.*mtu\":1500' | head -c 151", `"rt-entry":[{"destination":"default","gateway":"192.0.2.1","flags":"UGS","flags_pretty":["up","gateway","static"],"mtu":1500,"interface-name":"vtnet0"}`, "", 0},
		{"netstat --libxo json -an", "", "the simulator can't: netstat --libxo for anything but routes\n", 70},
		{"route -n flush; route get default", "default              192.0.2.1            done\n", "route: route has not been found\n", 1},
		{"route add -net 10.0.0.0 -netmask 255.0.0.0 203.0.113.1", "add net 10.0.0.0: gateway 203.0.113.1 fib 0: Network is unreachable\n", "route: writing to routing socket: Network is unreachable\n", 1},
	})
}
