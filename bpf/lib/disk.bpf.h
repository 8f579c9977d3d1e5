/* lib/disk.bpf.h - what a file system's disk hangs on: whether it can be taken away, and its bus.
 *
 * A disk that is made of others (dm-crypt, LVM, RAID) is what any of them is. Loop devices do not say what is behind
 * them. Which disks a btrfs or a zfs has cannot be told: unknown.
 *
 * Fail direction: a device that cannot be read looks like a fixed one.
 */
#pragma once

#include "event.bpf.h"

#define GENHD_FL_REMOVABLE 1 /* FOUND_REMOVABLE */
#define FS_REQUIRES_DEV 1
#define MOST_DISKS 8       /* that one is made of, and those of theirs; with further ones it is unknown */
#define MOST_HOLDINGS 8    /* of one disk */
#define MOST_DEVICES 24    /* above a disk */
#define FOUND_REMOVABLE 1u /* beside the bits of buses */
#define FOUND_MORE 0x80u   /* disks that were not looked at */

/* Names::kBuses in compiler/check/flag_names.cc; of several the lowest counts. */
enum disk_bus { BUS_USB = 1, BUS_FIREWIRE = 2, BUS_MMC = 3 };

/* Since 6.2 the folder of the part's holders, which is below the part's device, in place of the part. */
struct bd_holder_disk___folder {
  struct kobject *holder_dir;
} __attribute__((preserve_access_index));

#define NAME_USB 0x627375ull              /* "usb" */
#define NAME_FIREWIRE 0x72697765726966ull /* "firewir": cut */
#define NAME_MMC 0x636d6dull              /* "mmc" */
#define NAME_ZFS 0x73667aull              /* "zfs" */

/* 1 where both are the same. No branch: the verifier would follow both ways at every device. */
SLUICE_INLINE __u32 same(__u64 one, __u64 other) {
  one ^= other;
  SLUICE_OPAQUE(one);
  one = (one | -one) >> 63;
  return (__u32)one ^ 1;
}

/* A bit per bus, and FOUND_REMOVABLE. */
SLUICE_INLINE __u32 kind_of(struct device *device) {
  char name[8] = {};
  __u64 word;

  bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(device, bus, name));
  word = SLUICE_LOAD64(name);
  return same(word, NAME_USB) << BUS_USB | same(word, NAME_FIREWIRE) << BUS_FIREWIRE |
         same(word, NAME_MMC) << BUS_MMC |
         same(BPF_CORE_READ(device, removable), DEVICE_REMOVABLE) * FOUND_REMOVABLE;
}

/* Of one disk. These functions stand on their own, so that each is verified once. */
SLUICE_ONCE __u32 attachment_of(__u64 at) {
  struct gendisk *disk = (struct gendisk *)at;
  struct device *device = BPF_CORE_READ(disk, part0, bd_device.parent);
  __u32 found = BPF_CORE_READ(disk, flags) & GENHD_FL_REMOVABLE;
  __u32 i;

  SLUICE_ROLLED
  for (i = 0; i < MOST_DEVICES && device; i++) {
    found |= kind_of(device);
    device = BPF_CORE_READ(device, parent);
  }
  return found;
}

/* The disk of a part that `holding`, an entry of slave_bdevs, says. */
SLUICE_INLINE struct gendisk *held_disk(struct bd_holder_disk *holding) {
  struct bd_holder_disk___folder *folder = (void *)holding;
  struct block_device *part;

  if (bpf_core_field_exists(holding->bdev)) return BPF_CORE_READ(holding, bdev, bd_disk);
  part = (void *)BPF_CORE_READ(folder, holder_dir, parent);
  if (!part) return 0;
  part = (void *)part - bpf_core_field_offset(struct block_device, bd_device.kobj);
  return BPF_CORE_READ(part, bd_disk);
}

/* Adds the disks that the one at `at` is made of to `count` that lie in scratch; how many there are then. More than MOST_DISKS:
 * not all. */
SLUICE_ONCE __u32 add_held_disks(__u32 index, __u64 at, __u32 count) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  struct gendisk *disk = (struct gendisk *)at;
  __u64 head, entry;
  __u32 i;

  if (!s || !bpf_core_field_exists(disk->slave_bdevs)) return count;
  head = at + bpf_core_field_offset(struct gendisk, slave_bdevs);
  entry = (__u64)BPF_CORE_READ(disk, slave_bdevs.next);
  SLUICE_ROLLED
  for (i = 0; i < MOST_HOLDINGS && entry && entry != head; i++) {
    struct bd_holder_disk *holding = (void *)(entry - bpf_core_field_offset(struct bd_holder_disk, list));

    if (count >= MOST_DISKS) return MOST_DISKS + 1;
    BOUND(count, MOST_DISKS - 1);
    SLUICE_STORE64(s->record.more + 8 * count, (__u64)held_disk(holding));
    count++;
    SLUICE_OPAQUE(count);
    entry = (__u64)BPF_CORE_READ(holding, list.next);
  }
  return entry && entry != head ? MOST_DISKS + 1 : count;
}

SLUICE_ONCE __u32 find_attachment(__u32 index, __u64 disk) {
  struct scratch *s = bpf_map_lookup_elem(&scratch_by_cpu, &index);
  __u32 found = 0, count = 1, i;

  if (!s) return 0;
  SLUICE_STORE64(s->record.more, disk);
  SLUICE_ROLLED
  for (i = 0; i < MOST_DISKS; i++) {
    __u64 at;

    if (i >= count) break;
    at = SLUICE_LOAD64(s->record.more + 8 * i);
    found |= attachment_of(at);
    count = add_held_disks(index, at, count);
  }
  return count > MOST_DISKS ? found | FOUND_MORE : found;
}

/* Whether a file system without a device of its own lies on a disk all the same. */
SLUICE_INLINE int hides_its_disk(const struct super_block *sb) {
  char name[8] = {};

  bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(sb, s_type, name));
  return (BPF_CORE_READ(sb, s_type, fs_flags) & FS_REQUIRES_DEV) || SLUICE_LOAD64(name) == NAME_ZFS;
}

/* evt.arg.removable and evt.arg.bus. */
SLUICE_INLINE void describe_device(struct hook_event *e, struct super_block *sb) {
  __u64 disk = (__u64)BPF_CORE_READ(sb, s_bdev, bd_disk);
  struct scratch *s = disk ? scratch_claim() : 0;
  __u32 found = FOUND_MORE;

  if (!disk && !hides_its_disk(sb)) found = 0;
  if (s) {
    found = find_attachment(s->index, disk);
    scratch_release(s);
  }
  e->numbers[0] = found & FOUND_REMOVABLE;
  if (found & FOUND_MORE) {
    if (!(found & FOUND_REMOVABLE)) e->numbers[0] = SLUICE_UNKNOWN_INT;
    e->numbers[1] = SLUICE_UNKNOWN_INT;
  }
  if (found >> BUS_MMC & 1) e->numbers[1] = BUS_MMC;
  if (found >> BUS_FIREWIRE & 1) e->numbers[1] = BUS_FIREWIRE;
  if (found >> BUS_USB & 1) e->numbers[1] = BUS_USB;
}
