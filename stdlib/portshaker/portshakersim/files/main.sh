. /usr/local/share/portshaker/portshaker.subr

usage()
{
	echo "usage: $0 [-stVv] [ -U | -u source ] [ -M | -m target ] [ -I | -i target ]" >&2
	exit 1
}

sources()
{
	_all=""
	for _tree in ${ports_trees}; do
		eval "_all=\"\${_all} \${${_tree}_merge_from}\""
	done
	_portshaker_call=sources /usr/local/bin/portshaker ${_all}
}

# Runs the script of a source: name or name:argument:argument.
script()
{
	_portshaker_source="$1"
	_command="$2"
	shift 2
	_saved_ifs="${IFS}"
	IFS=:
	set -- ${_portshaker_source} -- ${_command} "$@"
	IFS="${_saved_ifs}"
	_script="$1"
	shift
	export _portshaker_source
	${config_dir}/portshaker.d/${_script} "$@"
	_status=$?
	unset _portshaker_source
	return ${_status}
}

_args=$(_portshaker_call=options /usr/local/bin/portshaker "$@") || usage

_update="" _merge="" _index="" _level=0
set -- ${_args}
while [ $# -gt 0 ]; do
	case "$1" in
	-s)
		echo $(sources)
		exit 0 ;;
	-t)
		echo ${ports_trees}
		exit 0 ;;
	-V)
		echo "portshaker 1.0.18"
		exit 0 ;;
	-v)
		_level=$((_level + 1)) ;;
	-q)
		_level=0
		portshaker_info="" portshaker_debug="" ;;
	-U)
		_update="$(sources)" ;;
	-u)
		_update="${_update} $2"
		shift ;;
	-M)
		_merge="${ports_trees}" ;;
	-m)
		_merge="${_merge} $2"
		shift ;;
	-I)
		_index="${ports_trees}" ;;
	-i)
		_index="${_index} $2"
		shift ;;
	--)
		shift
		break ;;
	esac
	shift
done

if [ $# -gt 0 ]; then
	usage
fi
if [ -z "${_update}${_merge}${_index}" ]; then
	_update="$(sources)"
	_merge="${ports_trees}"
fi
if [ ${_level} -gt 0 ]; then
	portshaker_info="YES"
fi
if [ ${_level} -gt 1 ]; then
	portshaker_debug="YES"
fi
export portshaker_info portshaker_debug

for _name in ${_update}; do
	_portshaker_hook ${_name}_preupdate
	script ${_name} update || err 1 "Failed to update the '${_name}' ports tree."
	_portshaker_hook ${_name}_postupdate
done

for _tree in ${_merge}; do
	eval "_target=\"\${${_tree}_ports_tree}\""
	eval "_poudriere=\"\${${_tree}_poudriere_tree}\""
	eval "_from=\"\${${_tree}_merge_from}\""
	eval "_dataset=\"\${${_tree}_zfs_dataset}\""

	if [ -n "${_target}" ] && [ -n "${_poudriere}" ]; then
		err 1 "Only set one of '\\\$${_tree}_ports_tree' and '\\\$${_tree}_poudriere_tree'."
	fi
	if [ -n "${_poudriere}" ]; then
		_target="${poudriere_ports_mountpoint}/${_poudriere}"
		if [ -z "${_dataset}" ] && [ -n "${poudriere_dataset}" ]; then
			_dataset="${poudriere_dataset}/ports/${_poudriere}"
		fi
	fi
	if [ -z "${_target}" ]; then
		err 1 "Don't know where to merge ${_tree}."
	fi
	if [ -z "${_from}" ]; then
		err 1 "Don't know how to build ${_tree}."
	fi

	_portshaker_hook ${_tree}_premerge
	_zfs=""
	if _portshaker_yes "${use_zfs}" && [ -n "${_dataset}" ]; then
		_zfs="-z ${_dataset}${_poudriere:+ -P ${_poudriere}}"
	fi
	_first=""
	for _name in ${_from}; do
		if [ -z "${_first}" ]; then
			_first="${_name%[+!]}"
			script ${_first} clone_to -t ${_target} ${_zfs} || exit 1
			continue
		fi
		case "${_name}" in
		*+)
			script ${_name%+} copy_to -t ${_target} || exit 1 ;;
		*!)
			script ${_name%!} merge_to -a -m ${_first} -t ${_target} || exit 1 ;;
		*)
			script ${_name} merge_to -m ${_first} -t ${_target} || exit 1 ;;
		esac
	done
	_portshaker_hook ${_tree}_postmerge
done

for _tree in ${_index}; do
	eval "_target=\"\${${_tree}_ports_tree}\""
	if [ -z "${_target}" ]; then
		err 1 "Don't know where are located ${_tree}'s INDEX files."
	fi
	_portshaker_hook ${_tree}_preupdateindex
	_portshaker_call=index /usr/local/bin/portshaker ${_target} || exit $?
	_portshaker_hook ${_tree}_postupdateindex
done
exit 0
