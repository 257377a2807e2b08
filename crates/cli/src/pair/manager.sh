#!/bin/sh
# `systemctl` and `service` of a host of a lab, which has no service manager: they tell of its balancer and its router, by
# whether those run, and do nothing.
name=${0##*/}
quiet=
words=
for word; do
    case $word in
        -q|--quiet) quiet=1 ;;
        -*) ;;
        *) words="$words ${word%.service}" ;;
    esac
done
set -- $words
[ "$name" = service ] && set -- "$2" "$1"
asked=$1
[ $# -gt 0 ] && shift

lives() {
    for file in /proc/[0-9]*/comm; do
        { read -r comm <"$file"; } 2>/dev/null || continue
        case $1:$comm in
            haproxy:haproxy|haproxy:tandem-lb|tandem-lb:haproxy|tandem-lb:tandem-lb) return 0 ;;
            keepalived:keepalived|keepalived:tandem-vrrp|tandem-vrrp:keepalived|tandem-vrrp:tandem-vrrp) return 0 ;;
        esac
    done
    return 1
}

case $asked in
    is-active|status) ;;
    *)
        echo "$name: a host of a lab has no service manager: \`$asked\` does nothing" >&2
        exit 1 ;;
esac
code=3
for unit; do
    word=inactive
    if lives "$unit"; then
        word=active
        code=0
    fi
    [ "$asked" = status ] && word="$unit: $word"
    [ -n "$quiet" ] || echo "$word"
done
exit $code
