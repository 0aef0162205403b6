#!/bin/sh

# PROVIDE: vboxnet
# REQUIRE: FILESYSTEMS
# BEFORE: netif
# KEYWORD: nojail

. /etc/rc.subr

name="vboxnet"
rcvar="vboxnet_enable"
start_cmd="vboxnet_start"
stop_cmd="vboxnet_stop"

vboxnet_start()
{
	kldload -n vboxnetflt vboxnetadp
}

vboxnet_stop()
{
	kldunload vboxnetadp vboxnetflt
}

load_rc_config $name
: ${vboxnet_enable="NO"}
run_rc_command "$1"
