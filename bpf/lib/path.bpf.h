/* lib/path.bpf.h - a path from the root of the process's mount namespace, built in the record in scratch.
 *
 * bpf_d_path where the hook allows it and the task's root is the namespace's root; otherwise (a chroot, which
 * is seen through; a hook without d_path) the dentries are walked, across mounts. Like d_path the walk marks
 * a deleted file. Results are SLUICE_TEXT_*: a path over 4,096 bytes is TAIL: its last bytes are there.
 */
#pragma once

#include "scratch.bpf.h"

#define WALK_STEPS 4096
#define WALK_END (SLUICE_PATH_BYTES + 256) /* the walk fills value[] from here down to 257 */

struct walk {
  struct dentry *dentry;
  struct mount *mount;
  char *value;
  __u32 at;
  __u32 state;
};

/* First members of struct mount that a walk needs, adjacent on every kernel so far. */
struct mount_place {
  struct mount *parent;
  struct dentry *mountpoint;
  struct dentry *root;
};

SLUICE_INLINE struct mount *mount_of(const struct vfsmount *mnt) {
  return (struct mount *)((char *)mnt - bpf_core_field_offset(struct mount, mnt));
}

SLUICE_INLINE void mount_read(struct mount *mount, struct mount_place *place) {
  if (bpf_core_field_offset(struct mount, mnt) + bpf_core_field_offset(struct vfsmount, mnt_root) ==
          bpf_core_field_offset(struct mount, mnt_parent) + 16 &&
      bpf_core_field_offset(struct mount, mnt_mountpoint) ==
          bpf_core_field_offset(struct mount, mnt_parent) + 8) {
    bpf_probe_read_kernel(place, sizeof(*place), &mount->mnt_parent);
    return;
  }
  place->parent = BPF_CORE_READ(mount, mnt_parent);
  place->mountpoint = BPF_CORE_READ(mount, mnt_mountpoint);
  place->root = BPF_CORE_READ(mount, mnt.mnt_root);
}

/* Whether the current task's root is the root of its mount namespace: no name lies above it. */
SLUICE_INLINE int root_is_whole(struct task_struct *task) {
  struct fs_struct *fs = task->fs;
  struct mount *mount = mount_of(fs->root.mnt);
  struct mount_place place, above;

  if (fs->root.dentry != fs->root.mnt->mnt_root) return 0;
  mount_read(mount, &place);
  if (place.parent == mount) return 1;
  mount_read(place.parent, &above);
  return above.parent == place.parent && above.root == place.mountpoint;
}

/* The agent's own root is known, and the agent keeps it in being: cheap for whoever shares it. */
SLUICE_INLINE int root_is_known_whole(struct task_struct *task) {
  struct fs_struct *fs = task->fs;

  if ((__u64)fs->root.mnt == control.root_mnt && (__u64)fs->root.dentry == control.root_dentry) return 1;
  return root_is_whole(task);
}

static long walk_step(__u32 step, struct walk *walk) {
  struct dentry *dentry = walk->dentry;
  struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
  struct mount_place place;
  struct qstr name;
  __u32 at, length;

  mount_read(walk->mount, &place);
  if (dentry == place.root || dentry == parent) {
    if (dentry != place.root || place.parent == walk->mount) {
      /* what hangs below no mount has no path */
      walk->state = dentry == place.root ? SLUICE_TEXT_PRESENT : SLUICE_TEXT_UNKNOWN;
      return 1;
    }
    walk->dentry = place.mountpoint;
    walk->mount = place.parent;
    return 0;
  }
  bpf_core_read(&name, sizeof(name), &dentry->d_name);
  length = name.len;
  BOUND(length, 255);
  at = walk->at;
  if (at > WALK_END || at < 257 + length + 1) return 1;
  at -= length + 1;
  BOUND(at, 8191);
  if (at > WALK_END) return 1;
  walk->value[at] = '/';
  bpf_probe_read_kernel(walk->value + at + 1, length, name.name);
  walk->at = at;
  walk->dentry = parent;
  return 0;
}

/* Moves what the walk left at the end of the buffer to its start. Returns its length. */
SLUICE_INLINE __u32 walk_settle(struct walk *walk) {
  __u32 at = walk->at, bytes;

  if (at == WALK_END) walk->value[--at] = '/';
  bytes = WALK_END - at;
  BOUND(bytes, SLUICE_PATH_BYTES - 1);
  bpf_probe_read_kernel(walk->value, bytes, walk->value + (at & 8191));
  walk->value[bytes] = 0;
  return bytes;
}

/* ---- names that a file system makes up, of what is in no folder: pipe:[1], /memfd:x (deleted), anon_inode:[eventfd] */

#define PIPEFS_MAGIC 0x50495045
#define SOCKFS_MAGIC 0x534f434b
#define ANON_INODE_FS_MAGIC 0x09041934
#define TMPFS_MAGIC 0x01021994
#define HUGETLBFS_MAGIC 0x958458f6
#define SECRETMEM_MAGIC 0x5345434d

static const char kMemory[] = "/%s (deleted)";
static const char kAnonymous[] = "anon_inode:%s";
static const char kPipe[] = "pipe:[%lu]";
static const char kSocket[] = "socket:[%lu]";

/* As d_path writes it. Its own function, for the stack that it takes. */
static __noinline __u32 made_up_name(char *value, struct dentry *dentry, __u32 *bytes) {
  __u64 name = (__u64)BPF_CORE_READ(dentry, d_name.name), number = BPF_CORE_READ(dentry, d_inode, i_ino);
  long length = 0;

  if (!BPF_CORE_READ(dentry, d_op, d_dname)) return SLUICE_TEXT_UNKNOWN;
  switch (BPF_CORE_READ(dentry, d_sb, s_magic)) {
    case TMPFS_MAGIC:
    case HUGETLBFS_MAGIC:
    case SECRETMEM_MAGIC:
      length = bpf_snprintf(value, SLUICE_PATH_BYTES, kMemory, &name, sizeof(name));
      break;
    case ANON_INODE_FS_MAGIC:
      length = bpf_snprintf(value, SLUICE_PATH_BYTES, kAnonymous, &name, sizeof(name));
      break;
    case PIPEFS_MAGIC:
      length = bpf_snprintf(value, SLUICE_PATH_BYTES, kPipe, &number, sizeof(number));
      break;
    case SOCKFS_MAGIC:
      length = bpf_snprintf(value, SLUICE_PATH_BYTES, kSocket, &number, sizeof(number));
      break;
  }
  if (length <= 0 || length > SLUICE_PATH_BYTES) return SLUICE_TEXT_UNKNOWN;
  *bytes = length - 1;
  return SLUICE_TEXT_PRESENT;
}

static __noinline __u32 path_walk(char *value, struct vfsmount *mnt, struct dentry *dentry, int deleted,
                                  __u32 *bytes) {
  struct walk walk = {
      .dentry = dentry, .mount = mount_of(mnt), .value = value, .at = WALK_END, .state = SLUICE_TEXT_TAIL};

  if (deleted) {
    walk.at -= 10;
    SLUICE_STORE64(walk.value + WALK_END - 10, 0x6574656c65642820ull); /* " (deleted)" */
    *(__u16 *)(walk.value + WALK_END - 2) = 0x2964;
  }
  bpf_loop(WALK_STEPS, walk_step, &walk, 0);
  if (walk.state == SLUICE_TEXT_UNKNOWN && walk.at == WALK_END) return made_up_name(value, dentry, bytes);
  *bytes = walk_settle(&walk);
  return walk.state;
}

/* Both ends of a path, as sluice_match_ends() wants them. */
struct path_ends {
  __u64 component;
  __u32 ending;
};

/* The first members of a dentry that a walk needs, adjacent on every kernel so far. */
struct dentry_place {
  struct dentry *parent;
  struct qstr name;
};

SLUICE_INLINE void dentry_read(struct dentry *dentry, struct dentry_place *place) {
  if (bpf_core_field_offset(struct dentry, d_name) == bpf_core_field_offset(struct dentry, d_parent) + 8) {
    bpf_probe_read_kernel(place, sizeof(*place), &dentry->d_parent);
    return;
  }
  place->parent = BPF_CORE_READ(dentry, d_parent);
  bpf_core_read(&place->name, sizeof(place->name), &dentry->d_name);
}

SLUICE_INLINE __u64 first_word(const unsigned char *name, __u32 length) {
  __u64 word = 0;

  bpf_probe_read_kernel(&word, sizeof(word), name); /* a dentry's name has room for 32 bytes */
  return length < 8 ? word & ((1ull << 8 * (length & 7)) - 1) : word;
}

/* The last two bytes of a path that ends in this name. */
SLUICE_INLINE __u32 last_bytes(const unsigned char *name, __u32 length) {
  __u16 ending = 0;

  if (length < 2) {
    bpf_probe_read_kernel(&ending, 1, name);
    return (__u32)ending << 8 | '/';
  }
  bpf_probe_read_kernel(&ending, sizeof(ending), name + length - 2);
  return ending;
}

#define PEEK_LEVELS 16
#define PEEK_LEVELS_ABOVE 4

/* Both ends of an entry's path. 0: not to be told cheaply: it lies deep, in a mount within a mount, is a
 * mount's root or unlinked, or the task's root is not the namespace's. */
SLUICE_INLINE int path_peek(struct task_struct *task, const struct vfsmount *mnt, struct dentry *dentry,
                            int wants_ending, struct path_ends *ends) {
  struct fs_struct *fs = task->fs;
  const struct vfsmount *top_mnt = fs->root.mnt;
  struct dentry *top = fs->root.dentry, *root = mnt->mnt_root, *below = dentry;
  struct dentry_place place = {};
  struct mount_place mount;
  __u32 i;

  if (!dentry->d_hash.pprev || dentry == root || !root_is_known_whole(task)) return 0;
  ends->ending = SLUICE_SEVERAL;
  if (wants_ending) ends->ending |= last_bytes(dentry->d_name.name, dentry->d_name.len);
  SLUICE_ROLLED
  for (i = 0; i < PEEK_LEVELS; i++) {
    if (dentry == root) break;
    below = dentry;
    dentry = dentry->d_parent;
  }
  if (dentry != root) return 0;
  if (mnt == top_mnt) {
    if (root != top) return 0;
    if (i == 1) ends->ending &= ~SLUICE_SEVERAL;
    ends->component = first_word(below->d_name.name, below->d_name.len);
    return 1;
  }
  mount_read(mount_of(mnt), &mount);
  if (mount.parent != mount_of(top_mnt)) return 0;
  dentry = mount.mountpoint;
  SLUICE_ROLLED
  for (i = 0; i < PEEK_LEVELS_ABOVE; i++) {
    dentry_read(dentry, &place);
    if (place.parent == top) break;
    dentry = place.parent;
  }
  if (place.parent != top) return 0;
  ends->component = first_word(place.name.name, place.name.len);
  return 1;
}

/* Such a name is the same in any root. What is bound to a place (a namespace) has the place's path. */
SLUICE_INLINE int has_made_up_name(const struct vfsmount *mnt, const struct dentry *dentry) {
  return dentry->d_op && dentry->d_op->d_dname && dentry != mnt->mnt_root;
}

SLUICE_INLINE int is_unlinked(struct dentry *dentry) {
  return !dentry->d_hash.pprev && dentry != dentry->d_parent;
}

struct ns_common___since_6_18 {
  __u64 ns_id;
} __attribute__((preserve_access_index));
struct mnt_namespace___by_7_3 {
  bool is_anon;
} __attribute__((preserve_access_index));

/* Of a tree of mounts that no process lives in. */
SLUICE_INLINE int is_anonymous(const struct mnt_namespace *namespace) {
  const struct mnt_namespace___by_7_3 *marked = (const void *)namespace;
  const struct ns_common___since_6_18 *numbered = (const void *)&namespace->ns;

  if (bpf_core_field_exists(marked->is_anon)) return BPF_CORE_READ(marked, is_anon);
  if (bpf_core_field_exists(namespace->seq)) return !BPF_CORE_READ(namespace, seq);
  return !BPF_CORE_READ(numbered, ns_id) || BPF_CORE_READ(namespace, ns.inum) == MNT_NS_ANON_INO;
}

/* Whether no namespace shows the mount: a tree that open_tree or fsmount made and nobody attached, or one that was unmounted
 * while it was in use. Whatever lies above it, the path within it is not the file's. The kernel's own mounts are of
 * another kind. */
static __noinline __attribute__((unused)) int is_detached(struct task_struct *task, struct vfsmount *mnt) {
  struct mnt_namespace *namespace = BPF_CORE_READ(mount_of(mnt), mnt_ns);

  if (namespace == task->nsproxy->mnt_ns) return 0;
  if (!namespace) return !(BPF_CORE_READ(mnt, mnt_flags) & MNT_INTERNAL);
  return (__u64) namespace < (__u64)-4095 && is_anonymous(namespace);
}

/* The one mount of the task's namespace under which a dentry has a name, for hooks that are given no mount; 0
 * when there is none or more than one: its path is not known then. */
#define SEARCH_MOUNTS 512
#define SEARCH_LEVELS 256

struct mount_search {
  struct dentry *dentry;
  __u64 namespace;
  struct super_block *sb;
  struct mount *at;
  __u64 found;
  __u32 count;
  __u32 level;
  struct dentry *root, *above;
};

static long below_step(__u32 step, struct mount_search *search) {
  struct dentry *above = search->above;
  struct dentry *parent = BPF_CORE_READ(above, d_parent);

  if (above == search->root) {
    search->level = 1;
    return 1;
  }
  if (parent == above) return 1;
  search->above = parent;
  return 0;
}

struct mount___since_6_18 {
  struct mount *mnt_next_for_sb;
} __attribute__((preserve_access_index));
struct super_block___since_6_18 {
  struct mount *s_mounts;
} __attribute__((preserve_access_index));

SLUICE_INLINE int mounts_are_linked_by_pointers(void) {
  return bpf_core_field_exists(((struct mount___since_6_18 *)0)->mnt_next_for_sb);
}

SLUICE_INLINE struct mount *mount_in(const struct super_block *sb, const struct list_head *at) {
  if (!at || (const char *)at == (const char *)sb + bpf_core_field_offset(struct super_block, s_mounts))
    return 0;
  return (struct mount *)((char *)at - bpf_core_field_offset(struct mount, mnt_instance));
}

/* The mounts of a file system; 0 behind the last one. */
SLUICE_INLINE struct mount *first_mount(struct super_block *sb) {
  if (mounts_are_linked_by_pointers()) return BPF_CORE_READ((struct super_block___since_6_18 *)sb, s_mounts);
  return mount_in(sb, BPF_CORE_READ(sb, s_mounts.next));
}
SLUICE_INLINE struct mount *next_mount(const struct super_block *sb, struct mount *mount) {
  if (mounts_are_linked_by_pointers())
    return BPF_CORE_READ((struct mount___since_6_18 *)mount, mnt_next_for_sb);
  return mount_in(sb, BPF_CORE_READ(mount, mnt_instance.next));
}

static long search_step(__u32 step, struct mount_search *search) {
  struct mount *mount = search->at;

  if (!mount) return 1;
  search->at = next_mount(search->sb, mount);
  if ((__u64)BPF_CORE_READ(mount, mnt_ns) != search->namespace) return 0;
  search->root = BPF_CORE_READ(mount, mnt.mnt_root);
  search->above = search->dentry;
  search->level = 0;
  bpf_loop(SEARCH_LEVELS, below_step, search, 0);
  if (!search->level) return 0;
  search->found = (__u64)mount + bpf_core_field_offset(struct mount, mnt);
  search->count++;
  return search->count > 1;
}

static __noinline __attribute__((unused)) __u64 mount_with(struct dentry *dentry) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct mount_search search = {
      .dentry = dentry, .namespace = (__u64)task->nsproxy->mnt_ns, .sb = dentry->d_sb};

  search.at = first_mount(search.sb);
  /* the name is made up under any mount */
  if (dentry->d_op && dentry->d_op->d_dname)
    return (__u64)search.at + bpf_core_field_offset(struct mount, mnt);
  bpf_loop(SEARCH_MOUNTS, search_step, &search, 0);
  if (search.at && search.count < 2) return 0; /* not all were seen */
  return search.count == 1 ? search.found : 0;
}

/* A clone of a mount that a stacked file system made for itself: it belongs to no namespace, and is none of the kernel's own
 * file systems. */
SLUICE_INLINE int is_private_clone(struct mount *mount) {
  if (BPF_CORE_READ(mount, mnt.mnt_flags) & MNT_INTERNAL) return 0;
  return (__u64)BPF_CORE_READ(mount, mnt_ns) >= (__u64)-4095;
}

static long clone_step(__u32 step, struct mount_search *search) {
  struct mount *mount = search->at;

  if (!mount) return 1;
  search->count = is_private_clone(mount);
  search->at = next_mount(search->sb, mount);
  return search->count;
}

/* Among the first SEARCH_MOUNTS of the file system. */
static __noinline __attribute__((unused)) int has_private_clone(struct super_block *sb) {
  struct mount_search search = {.sb = sb, .at = first_mount(sb)};

  bpf_loop(SEARCH_MOUNTS, clone_step, &search, 0);
  return search.count;
}

/* A file that was opened by its handle, before anyone looked for it by name: in no folder yet, so that no walk leads up. */
SLUICE_INLINE int hangs_below_nothing(const struct vfsmount *mnt, const struct dentry *dentry) {
  return dentry == dentry->d_parent && dentry != mnt->mnt_root;
}

/* For hooks that allow bpf_d_path. */
SLUICE_INLINE void path_of_file(struct scratch *s, struct task_struct *task, struct file *file,
                                __u32 string) {
  struct dentry *dentry = file->f_path.dentry;
  const int made_up = has_made_up_name(file->f_path.mnt, dentry);
  __u32 bytes = 0;
  long result;

  s->path_built = 1;
  if (!made_up && (is_detached(task, file->f_path.mnt) || hangs_below_nothing(file->f_path.mnt, dentry))) {
    s->match.state[string] = SLUICE_TEXT_UNKNOWN;
    return;
  }
  if (made_up || root_is_known_whole(task)) {
    result = bpf_d_path(&file->f_path, s->record.path.value, SLUICE_PATH_BYTES);
    if (result > 0 && result <= SLUICE_PATH_BYTES) {
      s->match.state[string] = SLUICE_TEXT_PRESENT;
      s->match.bytes[string] = result - 1;
      return;
    }
  }
  s->match.state[string] =
      path_walk(s->record.path.value, file->f_path.mnt, dentry, is_unlinked(dentry), &bytes);
  s->match.bytes[string] = bytes;
}

/* For hooks that give a directory and a name in it. */
SLUICE_INLINE void path_of_entry(struct scratch *s, const struct path *directory, struct dentry *dentry) {
  __u32 bytes = 0;

  s->path_built = 1;
  s->match.state[SLUICE_STR_PATH] = SLUICE_TEXT_UNKNOWN;
  if (is_detached(bpf_get_current_task_btf(), directory->mnt)) return;
  s->match.state[SLUICE_STR_PATH] = path_walk(s->record.path.value, directory->mnt, dentry, 0, &bytes);
  s->match.bytes[SLUICE_STR_PATH] = bytes;
}
