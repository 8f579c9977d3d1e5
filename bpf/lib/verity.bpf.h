/* lib/verity.bpf.h - fs.verity.digest: what fs-verity vouches for a file's bytes by.
 *
 * The digest of an open file is with its inode. On a stacked file system it is with the file below, and not seen.
 *
 * Fail direction: of a file that has a digest which cannot be read (the kernel keeps it elsewhere) it is unknown.
 */
#pragma once

#include "task.bpf.h"

#define S_VERITY 0x10000u
#define MOST_DIGEST_BYTES 64 /* SHA-512 */
#define DIGEST_HEAD 7        /* "sha256:" */
#define SHA256_HEAD 0x3a363532616873ull
#define SHA512_HEAD 0x3a323135616873ull
#define RAW_DIGEST 192 /* where it lies in scratch.text until it is written out */

SLUICE_INLINE char hex_digit(__u32 nibble) { return '0' + nibble + ((9u - nibble) >> 31) * ('a' - '0' - 10); }

/* Into s->text, as SLUICE_STR_TEXT of the event. */
SLUICE_ONCE __u32 read_digest(__u32 index, __u64 at) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  struct inode *inode = (struct inode *)at;
  struct fsverity_info *info;
  __u32 bytes, i;
  char *value;

  if (!s) return 0;
  value = s->text.value;
  s->match.state[SLUICE_STR_TEXT] = SLUICE_TEXT_ABSENT;
  s->match.bytes[SLUICE_STR_TEXT] = 0;
  if (!inode || !(BPF_CORE_READ(inode, i_flags) & S_VERITY)) return 0;
  s->match.state[SLUICE_STR_TEXT] = SLUICE_TEXT_UNKNOWN;
  if (!bpf_core_field_exists(inode->i_verity_info)) return 0;
  info = (struct fsverity_info *)BPF_CORE_READ(inode, i_verity_info);
  if (!info) return 0;
  bytes = BPF_CORE_READ(info, tree_params.digest_size);
  if (bytes != 32 && bytes != MOST_DIGEST_BYTES) return 0;
  if (bpf_probe_read_kernel(value + RAW_DIGEST, MOST_DIGEST_BYTES,
                            (char *)info + bpf_core_field_offset(struct fsverity_info, file_digest)))
    return 0;
  SLUICE_STORE64(value, bytes == 32 ? SHA256_HEAD : SHA512_HEAD);
  SLUICE_ROLLED
  for (i = 0; i < MOST_DIGEST_BYTES; i++) {
    __u32 byte = (__u8)value[RAW_DIGEST + i];

    value[DIGEST_HEAD + 2 * i] = hex_digit(byte >> 4);
    value[DIGEST_HEAD + 2 * i + 1] = hex_digit(byte & 15);
  }
  bytes = DIGEST_HEAD + 2 * bytes;
  value[bytes & 255] = 0;
  s->match.state[SLUICE_STR_TEXT] = SLUICE_TEXT_PRESENT;
  s->match.bytes[SLUICE_STR_TEXT] = bytes;
  return 0;
}
