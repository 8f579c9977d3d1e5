# ./dev run - the demo: sluice watches a real kernel while a scripted intrusion runs.
#
# Usage: ./dev run [--kernel 6.1|6.12] [--vm]
#
# In a virtual machine with a stock Debian kernel (6.1). Where this host's own kernel can do it and you are root, you are
# asked first; --vm does not ask.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

kernel=6.1
ask=1
while (($#)); do
  case $1 in
    --kernel)
      [[ ${2:-} == 6.1 || ${2:-} == 6.12 ]] || die "--kernel needs 6.1 or 6.12"
      kernel=$2 ask=0
      shift
      ;;
    --vm) ask=0 ;;
    *) die "run knows no argument '$1'; see ./dev run --help" ;;
  esac
  shift
done

host_can() {
  ((EUID == 0)) && [[ -t 0 && -r /sys/kernel/btf/vmlinux ]] &&
    grep -qw bpf /sys/kernel/security/lsm 2>/dev/null
}

bash tools/setup.sh
bash tools/build.sh sluice
if ((ask)) && host_can; then
  read -r -p "This host's kernel can run sluice. Run the demo here, on the host? [y/N] " answer
  if [[ $answer == [yY]* ]]; then
    PATH=$root/build:$PATH exec bash tools/demo.sh
  fi
fi
say "${bold}==> demo in a virtual machine with Debian's $kernel kernel${plain}"
exec python3 tools/vm.py --kernel "$kernel" --script tools/demo.sh
