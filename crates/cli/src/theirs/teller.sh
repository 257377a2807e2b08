#!/bin/sh
# Tells of the balancer and the router of this host of the lab, whatever they are called; of others the machine is asked.
name=${0##*/}
[ "$name" = lab ] && { name=$1; shift; }
here=/run/lab/@folder@
case " $* " in
    *haproxy*|*tandem-lb*) file=$here/lb.pid ;;
    *keepalived*|*tandem-vrrp*) file=$here/router.pid ;;
    *) PATH=${PATH#*:} exec "$name" "$@" ;;
esac
pid=$(cat "$file" 2>/dev/null)
lives=1
[ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && lives=0
case "$name $*" in
    ps\ *)
        case " $* " in *" --no-head"*|*" h "*) ;; *) echo "    PID TTY          TIME CMD" ;; esac
        [ $lives = 0 ] && echo "$pid ?        00:00:00 haproxy"
        exit $lives ;;
    pidof\ *|pgrep\ *)
        [ $lives = 0 ] && echo "$pid"
        exit $lives ;;
    *" -0 "*|*" is-active "*|*" status"*) exit $lives ;;
    *" stop"*|killall\ *|pkill\ *) kill "$pid" ;;
    *) exit 1 ;;
esac
