/* net.bpf.c - the net family: sockets.
 *
 * Addresses are those that the kernel copied from the caller, or its own of the socket. numbers: family,
 * protocol, local port, remote port, type of the socket. An IPv4-mapped IPv6 address is its IPv4 address,
 * family included. A UNIX socket's name is the target.
 *
 * Fail direction: allow (lib/decide.bpf.h).
 */
#include "lib/socket.bpf.h"

char LICENSE[] __weak SEC("license") = "GPL";

/* The family as which the kernel reads an address of `family`: IPv4 takes none for its own where it sends and binds,
 * raw sockets of either kind do not look, and IPv6 takes it for no address. Connecting to none disconnects. */
SLUICE_INLINE __u32 read_as(const struct hook_event *e, const struct sock *sk, __u32 family) {
  const __u32 own = BPF_CORE_READ(sk, __sk_common.skc_family);
  const int raw = e->numbers[SOCKET_TYPE] == SOCK_RAW;

  if (e->hook == SLUICE_HOOK_SOCKET_CONNECT) return family;
  if (own == AF_INET && (family == AF_UNSPEC || (raw && e->hook == SLUICE_HOOK_SOCKET_BIND))) return AF_INET;
  return own == AF_INET6 && family == AF_UNSPEC && raw ? AF_INET6 : family;
}

/* The address that the call gives for one end. Returns the ends that are known. Its own function, for
 * the stack that it takes. */
static __noinline __u32 put_address(struct hook_event *e, const struct sock *sk, __u32 end, const void *from,
                                    int length) {
  const __u32 port = end == SLUICE_END_LOCAL ? LOCAL_PORT : REMOTE_PORT;
  struct in6 address = {};
  __u32 family;
  __u8 first = 0;

  if (!sk || !from || length < 2) return e->ends;
  bpf_probe_read_kernel(&address.family, 2, from);
  family = read_as(e, sk, address.family);
  if (family == AF_UNIX && e->numbers[FAMILY] == AF_UNIX) {
    if (length <= 3) return e->ends;
    bpf_probe_read_kernel(&first, 1, from + 2);
    e->target_text = (__u64)from + (first ? 2 : 3);
    e->target_bytes = length - (first ? 2 : 3);
    if (!first) e->options |= EVENT_ABSTRACT;
  } else if (family == AF_INET && length >= (int)sizeof(struct in4)) {
    bpf_probe_read_kernel(&address, sizeof(struct in4), from);
    e->numbers[port] = bpf_ntohs(address.port);
    put_v4(e, end, address.flow);
  } else if (family == AF_INET6 && length >= (int)sizeof(struct in6)) {
    bpf_probe_read_kernel(&address, sizeof(address), from);
    e->numbers[port] = bpf_ntohs(address.port);
    put_v6(e, end, address.address);
  }
  return e->ends;
}

#define LOOPBACK_V4 bpf_htonl(0x7f000001)

/* Who connects to no address reaches its own host: the address that the socket is bound to, or loopback. */
SLUICE_INLINE void name_own_host(struct hook_event *e) {
  __u32 *to = (__u32 *)e->addresses[SLUICE_END_REMOTE];
  const __u32 *from = (const __u32 *)e->addresses[SLUICE_END_LOCAL];
  const int bound_v4 = (e->ends & 1u << SLUICE_END_LOCAL) && from[2] == MAPPED_WORD && !from[0] && !from[1];

  if (!(e->ends & 1u << SLUICE_END_REMOTE) || to[0] || to[1] || to[3]) return;
  if (to[2] == MAPPED_WORD) {
    to[3] = bound_v4 && from[3] ? from[3] : LOOPBACK_V4;
  } else if (!to[2] && bound_v4) {
    to[2] = MAPPED_WORD;
    to[3] = LOOPBACK_V4;
  } else if (!to[2]) {
    to[3] = bpf_htonl(1); /* ::1 */
  }
}

#define SOCKET_EVENT(which) \
  { .hook = which, .numbers = NO_NUMBERS }

SEC("lsm/socket_create")
int BPF_PROG(net_socket_create, int family, int type, int protocol, int kern, int ret) {
  struct hook_event e = SOCKET_EVENT(SLUICE_HOOK_SOCKET_CREATE);

  if (ret) return ret;
  if (kern) return 0; /* the kernel's own */
  e.numbers[0] = family;
  e.numbers[1] = type;
  e.numbers[2] = protocol;
  return decided(&e);
}

SEC("lsm/socket_bind")
int BPF_PROG(net_socket_bind, struct socket *sock, struct sockaddr *address, int length, int ret) {
  struct hook_event e = SOCKET_EVENT(SLUICE_HOOK_SOCKET_BIND);

  if (ret) return ret;
  put_socket(&e, sock->sk);
  e.ends = put_address(&e, sock->sk, SLUICE_END_LOCAL, address, length);
  return decided(&e);
}

SEC("lsm/socket_connect")
int BPF_PROG(net_socket_connect, struct socket *sock, struct sockaddr *address, int length, int ret) {
  struct hook_event e = SOCKET_EVENT(SLUICE_HOOK_SOCKET_CONNECT);

  if (ret) return ret;
  put_socket(&e, sock->sk);
  e.ends &= ~(1u << SLUICE_END_REMOTE); /* where it leads now, not where it led */
  e.numbers[REMOTE_PORT] = SLUICE_ABSENT_INT;
  e.ends = put_address(&e, sock->sk, SLUICE_END_REMOTE, address, length);
  name_own_host(&e);
  return decided(&e);
}

SEC("lsm/socket_listen")
int BPF_PROG(net_socket_listen, struct socket *sock, int backlog, int ret) {
  struct hook_event e = SOCKET_EVENT(SLUICE_HOOK_SOCKET_LISTEN);

  if (ret) return ret;
  put_socket(&e, sock->sk);
  return decided(&e);
}

SEC("lsm/socket_accept")
int BPF_PROG(net_socket_accept, struct socket *sock, struct socket *newsock, int ret) {
  struct hook_event e = SOCKET_EVENT(SLUICE_HOOK_SOCKET_ACCEPT);

  if (ret) return ret;
  put_socket(&e, sock->sk);
  return decided(&e);
}

SEC("lsm/socket_sendmsg")
int BPF_PROG(net_socket_sendmsg, struct socket *sock, struct msghdr *message, int size, int ret) {
  struct hook_event e = SOCKET_EVENT(SLUICE_HOOK_SOCKET_SENDMSG);

  if (ret) return ret;
  put_socket(&e, sock->sk);
  if (!(e.numbers[PROTOCOL] == PROTO_TCP &&
        (e.ends & 1u << SLUICE_END_REMOTE))) /* TCP ignores it once connected */
    e.ends = put_address(&e, sock->sk, SLUICE_END_REMOTE, message->msg_name, message->msg_namelen);
  name_own_host(&e);
  return decided(&e);
}
