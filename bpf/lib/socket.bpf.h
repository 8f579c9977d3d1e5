/* lib/socket.bpf.h - what a socket itself knows, in the places of the net family's events. */
#pragma once

#include "event.bpf.h"

#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_SMC 43
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_ICMPV6 58
#define PROTO_SMC \
  256 /* of a socket of IPv4 or IPv6; one of AF_SMC has the family for a protocol, 0 or SMC_OF_V6 */
#define SMC_OF_V6 1
#define PROTO_MPTCP 262 /* TCP by several ways, or by one: the peer need not know */
#define L4_RAW 255
#define MAPPED_WORD 0xffff0000u /* the third word of ::ffff:0:0, as it lies in memory */

enum { FAMILY, PROTOCOL, LOCAL_PORT, REMOTE_PORT, SOCKET_TYPE }; /* numbers */

struct in4 {
  __u16 family, port;
  __u32 address;
};
struct in6 {
  __u16 family, port;
  __u32 flow;
  __u32 address[4];
};

SLUICE_INLINE void put_v4(struct hook_event *e, __u32 end, __u32 address) {
  __u32 *words = (__u32 *)e->addresses[end];

  words[0] = 0;
  words[1] = 0;
  words[2] = MAPPED_WORD;
  words[3] = address;
  e->ends |= 1u << end;
  e->unknown_ends &= ~(1u << end);
  e->numbers[FAMILY] = AF_INET;
}

SLUICE_INLINE void put_v6(struct hook_event *e, __u32 end, const __u32 *address) {
  __u32 *words = (__u32 *)e->addresses[end];
  __u32 i;

  for (i = 0; i < 4; i++) words[i] = address[i];
  e->ends |= 1u << end;
  e->unknown_ends &= ~(1u << end);
  if (!words[0] && !words[1] && words[2] == MAPPED_WORD) e->numbers[FAMILY] = AF_INET;
}

SLUICE_INLINE void put_protocol(struct hook_event *e, struct sock *sk) {
  __u32 protocol = BPF_CORE_READ(sk, sk_protocol);

  e->numbers[SOCKET_TYPE] = BPF_CORE_READ(sk, sk_type);
  if (e->numbers[SOCKET_TYPE] == SOCK_RAW) protocol = L4_RAW;
  if (protocol == PROTO_ICMPV6) protocol = PROTO_ICMP;
  if (protocol == PROTO_MPTCP) protocol = PROTO_TCP;
  e->numbers[PROTOCOL] = protocol;
}

/* The name in `length` bytes of a UNIX socket's address. */
SLUICE_INLINE void put_unix_name(struct hook_event *e, const void *address, int length) {
  __u8 first = 0;

  if (length < 3) return;
  bpf_probe_read_kernel(&first, 1, address + 2);
  e->target_text = (__u64)address + (first ? 2 : 3);
  e->target_bytes = length - (first ? 2 : 3);
  if (!first) e->options |= EVENT_ABSTRACT;
}

/* The name that a UNIX socket is bound to: it has one for good, or none. */
SLUICE_INLINE void put_bound_name(struct hook_event *e, struct sock *sk) {
  struct unix_address *address;

  if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX) return;
  address = BPF_CORE_READ((struct unix_sock *)sk, addr);
  if (address)
    put_unix_name(e, (char *)address + bpf_core_field_offset(address->name), BPF_CORE_READ(address, len));
  else
    e->options |= EVENT_UNNAMED;
}

/* SMC: a connection of TCP underneath carries it, or stands in for it. Its ends are known to the hidden socket of that
 * one only, which comes to no hook. */
SLUICE_INLINE int is_smc(const struct sock *sk, __u32 family) {
  if (family == AF_SMC) return 1;
  return BPF_CORE_READ(sk, sk_protocol) == PROTO_SMC && BPF_CORE_READ(sk, sk_type) == SOCK_STREAM;
}
SLUICE_INLINE void put_smc(struct hook_event *e, const struct sock *sk, __u32 family) {
  if (family == AF_SMC) e->numbers[FAMILY] = BPF_CORE_READ(sk, sk_protocol) == SMC_OF_V6 ? AF_INET6 : AF_INET;
  e->numbers[SOCKET_TYPE] = SOCK_STREAM;
  e->numbers[PROTOCOL] = PROTO_TCP;
  e->numbers[LOCAL_PORT] = e->numbers[REMOTE_PORT] = SLUICE_UNKNOWN_INT;
  e->unknown_ends = 1u << SLUICE_END_LOCAL | 1u << SLUICE_END_REMOTE;
}

/* What the socket itself knows: its own end once it has a port, the other one once it is connected. */
SLUICE_INLINE void put_socket(struct hook_event *e, struct sock *sk) {
  __u32 address[4], family;
  __u16 local, remote;

  if (!sk) return;
  family = BPF_CORE_READ(sk, __sk_common.skc_family);
  local = BPF_CORE_READ(sk, __sk_common.skc_num);
  remote = BPF_CORE_READ(sk, __sk_common.skc_dport);
  e->numbers[FAMILY] = family;
  if (family != AF_INET && family != AF_INET6 && family != AF_SMC) return;
  if (is_smc(sk, family)) {
    put_smc(e, sk, family);
    return;
  }
  put_protocol(e, sk);
  if (e->numbers[SOCKET_TYPE] == SOCK_RAW) return; /* its number is no port */
  if (local) {
    e->numbers[LOCAL_PORT] = local;
    if (family == AF_INET) {
      put_v4(e, SLUICE_END_LOCAL, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
    } else {
      bpf_core_read(address, sizeof(address), &sk->__sk_common.skc_v6_rcv_saddr);
      put_v6(e, SLUICE_END_LOCAL, address);
    }
  }
  if (remote) {
    e->numbers[REMOTE_PORT] = bpf_ntohs(remote);
    if (family == AF_INET) {
      put_v4(e, SLUICE_END_REMOTE, BPF_CORE_READ(sk, __sk_common.skc_daddr));
    } else {
      bpf_core_read(address, sizeof(address), &sk->__sk_common.skc_v6_daddr);
      put_v6(e, SLUICE_END_REMOTE, address);
    }
  }
}
