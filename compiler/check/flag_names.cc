#include "compiler/check/flag_names.h"

#include "bpf/abi/filter_abi.h"

namespace sluice::check {
namespace {

NameTable Modes() {
  return {{"S_IXOTH", 0001}, {"S_IWOTH", 0002},  {"S_IROTH", 0004},  {"S_IXGRP", 0010},
          {"S_IWGRP", 0020}, {"S_IRGRP", 0040},  {"S_IXUSR", 0100},  {"S_IWUSR", 0200},
          {"S_IRUSR", 0400}, {"S_ISVTX", 01000}, {"S_ISGID", 02000}, {"S_ISUID", 04000}};
}

NameTable NodeModes() {
  NameTable names = Modes();
  names.insert(names.end(), {{"S_IFREG", SLUICE_FLAG_IS_REGULAR},
                             {"S_IFCHR", SLUICE_FLAG_IS_CHAR},
                             {"S_IFBLK", SLUICE_FLAG_IS_BLOCK},
                             {"S_IFIFO", SLUICE_FLAG_IS_FIFO},
                             {"S_IFSOCK", SLUICE_FLAG_IS_SOCKET}});
  return names;
}

}  // namespace

const NameTable& NamesOf(Names names) {
  static const NameTable none;
  static const NameTable modes = Modes();
  static const NameTable node_modes = NodeModes();
  static const NameTable rename = {{"RENAME_NOREPLACE", 1}, {"RENAME_EXCHANGE", 2}, {"RENAME_WHITEOUT", 4}};
  static const NameTable xattr = {{"XATTR_CREATE", 1}, {"XATTR_REPLACE", 2}};
  switch (names) {
    case Names::kNone:
      return none;
    case Names::kMode:
      return modes;
    case Names::kNodeMode:
      return node_modes;
    case Names::kRenameFlags:
      return rename;
    case Names::kXattrFlags:
      return xattr;
  }
  return none;
}

}  // namespace sluice::check
