# shellcheck shell=bash disable=SC2154 # work is the script's
# guest_lib.sh - what the scripts of bench/kernel.sh share in the guest. Sourced; needs $work, a folder.

rule() { # NAME CONDITION
  printf 'rule "%s" {\n  desc: "-"\n  condition: %s\n  output: "%%proc.name"\n  priority: notice\n}\n' "$1" "$2"
}

every_hook='evt.hook in (bprm_check_security, file_open, path_mknod, path_unlink, path_rmdir, path_mkdir, path_rename, path_link, path_symlink,
  path_truncate, path_chmod, path_chown, inode_setxattr, inode_removexattr, socket_create, socket_bind, socket_connect, socket_listen,
  socket_accept, socket_sendmsg, mmap_file, file_mprotect, sb_mount, sb_kern_mount, move_mount, sb_umount, sb_pivotroot, path_chroot,
  kernel_read_file, kernel_load_data, kernel_module_request, bpf, ptrace_access_check, ptrace_traceme, task_kill, task_fix_setuid,
  task_fix_setgid, capset, userns_create, settime, syslog)'

# COUNT rules at every hook and for `dup`, which match nothing: over one field, or over four.
rules_everywhere() { # COUNT FIELDS
  local i what
  for ((i = 0; i < $1; i++)); do
    case $((i % $2)) in
      0) what="proc.name = absent$i" ;;
      1) what="proc.exepath startswith /absent/$i/" ;;
      2) what="user.uid = $((100000 + i))" ;;
      3) what="proc.aname in (absent$((i % 40)))" ;;
    esac
    rule "h$i" "$every_hook and $what"
    rule "d$i" "evt.type = dup and $what"
  done
}

start() { # FILE or -c CONFIGURATION: sluice runs it; $pid, and its standard error in $work/err
  local i
  [[ $1 == -c ]] || set -- -r "$1"
  sluice run "$@" >"$work/out" 2>"$work/err" &
  pid=$!
  for ((i = 0; i < 6000; i++)); do
    grep -q '^sluice: ready' "$work/err" && break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  if ! grep -q '^sluice: ready' "$work/err"; then
    tail -5 "$work/err" >&2
    exit 1
  fi
  sleep 3 # the engine gives back what it used while loading
}

stop() {
  kill -INT "$pid"
  wait "$pid" || true
}
