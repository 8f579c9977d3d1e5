/* net.bpf.c - the net family: sockets.
 *
 * Addresses are those that the kernel copied from the caller, or its own of the socket. numbers: family,
 * protocol, local port, remote port, type of the socket. An IPv4-mapped IPv6 address is its IPv4 address,
 * family included. A UNIX socket's name is the target.
 *
 *   net_socket_*       the calls
 *   net_sctp_bind, net_sctp_connect   sctp_bind_connect: addresses that SCTP is given by options and with messages
 *
 * Fail direction: allow (lib/decide.bpf.h).
 */
#include "lib/socket.bpf.h"

char LICENSE[] __weak SEC("license") = "GPL";

/* The family as which the kernel reads an address of `family`: IPv4 takes none for its own where it sends and binds,
 * raw sockets of either kind do not look, and IPv6 takes it for no address. Connecting to none disconnects. */
SLUICE_INLINE __u32 read_as(__u32 hook, const struct sock *sk, __u32 own, __u32 family) {
  const int raw = BPF_CORE_READ(sk, sk_type) == SOCK_RAW;

  if (hook == SLUICE_HOOK_SOCKET_CONNECT) return family;
  if (own == AF_SMC) own = AF_INET; /* as the socket below takes it; that of IPv6 takes no such address */
  if (own == AF_INET && (family == AF_UNSPEC || (raw && hook == SLUICE_HOOK_SOCKET_BIND))) return AF_INET;
  return own == AF_INET6 && family == AF_UNSPEC && raw ? AF_INET6 : family;
}

/* The address that the call gives for one end. Returns the ends that are known. Its own function, for
 * the stack that it takes. The socket is asked again: of numbers on its caller's stack, 6.1's verifier takes one
 * that it has seen for all, and drops the branches of the others. */
static __noinline __u32 put_address(struct hook_event *e, const struct sock *sk, __u32 end, const void *from,
                                    int length) {
  const __u32 port = end == SLUICE_END_LOCAL ? LOCAL_PORT : REMOTE_PORT;
  struct in6 address = {};
  __u32 family, own;

  if (!sk || !from || length < 2) return e->ends;
  own = BPF_CORE_READ(sk, __sk_common.skc_family);
  bpf_probe_read_kernel(&address.family, 2, from);
  family = read_as(e->hook, sk, own, address.family);
  if (family == AF_UNIX && own == AF_UNIX) {
    put_unix_name(e, from, length);
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

SLUICE_INLINE void put_bind(struct hook_event *e, struct sock *sk, const void *address, int length) {
  put_socket(e, sk);
  e->ends = put_address(e, sk, SLUICE_END_LOCAL, address, length);
}

/* The remote end is where it leads now, not where it led. */
SLUICE_INLINE void put_connect(struct hook_event *e, struct sock *sk, const void *address, int length) {
  put_socket(e, sk);
  e->ends &= ~(1u << SLUICE_END_REMOTE);
  e->unknown_ends &= ~(1u << SLUICE_END_REMOTE);
  e->numbers[REMOTE_PORT] = SLUICE_ABSENT_INT;
  e->ends = put_address(e, sk, SLUICE_END_REMOTE, address, length);
  name_own_host(e);
}

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
  put_bind(&e, sock->sk, address, length);
  return decided(&e);
}

SEC("lsm/socket_connect")
int BPF_PROG(net_socket_connect, struct socket *sock, struct sockaddr *address, int length, int ret) {
  struct hook_event e = SOCKET_EVENT(SLUICE_HOOK_SOCKET_CONNECT);

  if (ret) return ret;
  put_connect(&e, sock->sk, address, length);
  return decided(&e);
}

SEC("lsm/socket_listen")
int BPF_PROG(net_socket_listen, struct socket *sock, int backlog, int ret) {
  struct hook_event e = SOCKET_EVENT(SLUICE_HOOK_SOCKET_LISTEN);

  if (ret) return ret;
  put_socket(&e, sock->sk);
  put_bound_name(&e, sock->sk);
  return decided(&e);
}

SEC("lsm/socket_accept")
int BPF_PROG(net_socket_accept, struct socket *sock, struct socket *newsock, int ret) {
  struct hook_event e = SOCKET_EVENT(SLUICE_HOOK_SOCKET_ACCEPT);

  if (ret) return ret;
  put_socket(&e, sock->sk);
  put_bound_name(&e, sock->sk);
  return decided(&e);
}

#define MSG_FASTOPEN 0x20000000u

/* Whether a message goes where it says. Others fail with a name, or ignore it: TCP once it is connected, SMC unless it
 * connects with the message. */
SLUICE_INLINE int heeds_name(const struct hook_event *e, const struct sock *sk, __u32 flags) {
  if (sk && e->numbers[FAMILY] == AF_UNIX) return BPF_CORE_READ(sk, sk_type) == SOCK_DGRAM;
  if (e->numbers[PROTOCOL] != PROTO_TCP) return 1;
  if (e->unknown_ends & 1u << SLUICE_END_REMOTE) return (flags & MSG_FASTOPEN) != 0;
  return !(e->ends & 1u << SLUICE_END_REMOTE);
}

SEC("lsm/socket_sendmsg")
int BPF_PROG(net_socket_sendmsg, struct socket *sock, struct msghdr *message, int size, int ret) {
  struct hook_event e = SOCKET_EVENT(SLUICE_HOOK_SOCKET_SENDMSG);

  if (ret) return ret;
  put_socket(&e, sock->sk);
  if (heeds_name(&e, sock->sk, message->msg_flags))
    e.ends = put_address(&e, sock->sk, SLUICE_END_REMOTE, message->msg_name, message->msg_namelen);
  name_own_host(&e);
  return decided(&e);
}

/* ---- SCTP: addresses that come in packs, each as long as its family has it
 *
 * Each is judged as the bind or the connect that it stands for, up to the first that is denied; those beyond
 * SCTP_ADDRESSES together as one that cannot be told. What a peer asks for (ASCONF) comes to this hook in whichever task
 * its packet is taken in, and is nobody's call: it passes.
 */

#define SCTP_PRIMARY_ADDR 6
#define SCTP_SOCKOPT_BINDX_ADD 100
#define SCTP_SOCKOPT_CONNECTX 110
#define SCTP_SENDMSG_CONNECT 126 /* the first message to a peer; socket_sendmsg has seen it, with its type */
/* More than setsockopt(2) takes. The getsockopt(2) of sctp_connectx takes what kmalloc gives. */
#define SCTP_ADDRESSES 16384
#define IN4_BYTES 16
#define IN6_BYTES 28

/* In a scratch of its own, s->record.more: a program's stack has no room for the event beside this. */
struct packed_addresses {
  struct hook_event event; /* about one of them */
  __u64 sk, next;          /* struct sock *; where the next one begins */
  __u32 left;              /* bytes */
  __u32 options;           /* EVENT_* */
  __u32 error;             /* positive: one of them is denied */
};

SLUICE_INLINE struct packed_addresses *addresses_in(struct scratch *s) {
  return (struct packed_addresses *)s->record.more;
}

SLUICE_INLINE struct hook_event *begin_event(struct packed_addresses *list, int binds) {
  struct hook_event *e = &list->event;
  __u32 i;

  __builtin_memset(e, 0, sizeof(*e));
  e->hook = binds ? SLUICE_HOOK_SOCKET_BIND : SLUICE_HOOK_SOCKET_CONNECT;
  e->options = list->options;
  for (i = 0; i < SLUICE_ARGS; i++) e->numbers[i] = SLUICE_ABSENT_INT;
  return e;
}

/* 1: no address is left. One that is none ends it: the kernel refuses the call. */
SLUICE_INLINE long judge_next(struct packed_addresses *list, int binds) {
  struct hook_event *e = begin_event(list, binds);
  struct sock *sk = (struct sock *)list->sk;
  const void *address = (const void *)list->next;
  __u32 length = 0;
  __u16 family = 0;

  bpf_probe_read_kernel(&family, sizeof(family), address);
  if (family == AF_INET) length = IN4_BYTES;
  if (family == AF_INET6) length = IN6_BYTES;
  if (!length || length > list->left) {
    list->left = 0;
    return 1;
  }
  list->next += length;
  list->left -= length;
  if (binds)
    put_bind(e, sk, address, length);
  else
    put_connect(e, sk, address, length);
  list->error = decide_event(e);
  return list->error || !list->left;
}
static long judge_bind(__u32 step, struct scratch **s) { return judge_next(addresses_in(*s), 1); }
static long judge_connect(__u32 step, struct scratch **s) { return judge_next(addresses_in(*s), 0); }

/* One whose address cannot be told; a socket of IPv6 takes those of both families. */
SLUICE_INLINE int judge_rest(struct packed_addresses *list, struct sock *sk, int binds) {
  struct hook_event *e = begin_event(list, binds);

  put_socket(e, sk);
  e->unknown_ends = 1u << (binds ? SLUICE_END_LOCAL : SLUICE_END_REMOTE);
  e->ends &= ~e->unknown_ends;
  if (e->numbers[FAMILY] == AF_INET6) e->numbers[FAMILY] = SLUICE_UNKNOWN_INT;
  e->numbers[binds ? LOCAL_PORT : REMOTE_PORT] = SLUICE_UNKNOWN_INT;
  return decide_event(e);
}

/* Without any scratch. */
SLUICE_INLINE int judge_blind(__u32 hook, __u32 options) {
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 slot = control.active & 1, flags, type;

  if (!active_config(slot, hook)) return 0;
  COUNT(hook, seen, 1);
  type = type_of_event(task, hook, options, &flags);
  return decide_blind(slot, hook, type, flags, task);
}

/* Returns a positive errno or 0. */
SLUICE_INLINE int decide_addresses(struct sock *sk, const void *from, int bytes, __u32 options, int binds) {
  struct scratch *s = scratch_claim();
  struct packed_addresses *list;
  int error;

  if (!s) return judge_blind(binds ? SLUICE_HOOK_SOCKET_BIND : SLUICE_HOOK_SOCKET_CONNECT, options);
  list = addresses_in(s);
  list->sk = (__u64)sk;
  list->next = (__u64)from;
  list->left = bytes;
  list->options = options;
  list->error = 0;
  if (binds)
    bpf_loop(SCTP_ADDRESSES, judge_bind, &s, 0);
  else
    bpf_loop(SCTP_ADDRESSES, judge_connect, &s, 0);
  error = list->error;
  if (!error && list->left) error = judge_rest(list, sk, binds);
  scratch_release(s);
  return error;
}

/* Of an option. The call in progress is no bind or connect: one that follows and fails early is an event of its own. */
SLUICE_INLINE int decide_option(struct sock *sk, const void *from, int bytes, int binds) {
  int error = decide_addresses(sk, from, bytes, EVENT_OPERATION, binds);

  take_reached(bpf_get_current_task_btf(), 0, 0);
  return hook_result(error);
}

SEC("lsm/sctp_bind_connect")
int BPF_PROG(net_sctp_bind, struct sock *sk, int option, struct sockaddr *addresses, int bytes, int ret) {
  if (ret) return ret;
  if (option != SCTP_SOCKOPT_BINDX_ADD) return 0;
  return decide_option(sk, addresses, bytes, 1);
}

SEC("lsm/sctp_bind_connect")
int BPF_PROG(net_sctp_connect, struct sock *sk, int option, struct sockaddr *addresses, int bytes, int ret) {
  if (ret) return ret;
  if (option == SCTP_SENDMSG_CONNECT)
    return hook_result(decide_addresses(sk, addresses, bytes, EVENT_PART, 0));
  if (option != SCTP_SOCKOPT_CONNECTX && option != SCTP_PRIMARY_ADDR) return 0;
  return decide_option(sk, addresses, bytes, 0);
}
