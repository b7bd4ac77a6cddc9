# Reads lines: "mark TOKEN", "+ PGID", "- PGID". At the end of its input it
# kills the groups that are left, and every process whose environment holds
# $1=TOKEN, by which those are found that have left their group.
trap '' HUP INT TERM
var=$1 mark= groups=' ' left=
while read -r op id; do
	case $op in
	mark) mark=$id ;;
	+) groups="$groups$id " ;;
	-)
		case $groups in
		*" $id "*) groups="${groups%%" $id "*} ${groups#*" $id "}" ;;
		esac
		;;
	esac
done

# marked prints the processes that carry the mark. Where there is no /proc, ps
# shows the environment of some.
marked() {
	[ -n "$mark" ] || return
	if [ -d /proc/self ]; then
		for file in $(grep -sl "$var=$mark-" /proc/[0-9]*/environ); do
			pid=${file#/proc/}
			echo "${pid%/environ}"
		done
	else
		ps -axww -E -o pid=,command= 2>/dev/null | grep "$var=$mark-" |
			while read -r pid _; do echo "$pid"; done
	fi
}

# signal sends $1 to all that is left, and sets left if there was any.
signal() {
	left=
	for group in $groups; do
		kill -s "$1" -- "-$group" 2>/dev/null && left=1
	done
	for pid in $(marked); do
		kill -s "$1" "$pid" 2>/dev/null && left=1
	done
}

# Where the system has no room for another process, the shell ends at the first
# command that needs one. This needs none.
trap 'for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done' EXIT

# The children were told to end by the end of their own input.
signal TERM
signal CONT
for _ in 1 2 3; do
	[ -n "$left" ] || exit 0
	sleep 0.1
	signal 0
done
for _ in 1 2 3 4 5 6 7 8 9 10; do
	signal KILL
	[ -n "$left" ] || exit 0
	sleep 0.1
done
