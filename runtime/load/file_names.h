// load/file_names.h - which files the paths of mitigations name: a protected file is known by every name.
//
// The paths of the active rule set, and those of one that is about to be, are looked up in the host's mount namespace:
// when they come, and again every second. A path with a symbolic link in it names no file, for no operation has such a
// path. What a path named before stays known until the file is gone. The kernel adds renames, links and opens as they
// happen (bpf/lib/files.bpf.h): the thread is for what has no hook, a file system mounted over a folder for instance.
//
// Threads: owner thread; a thread of its own does the looking up, so that a file system that hangs delays Add() alone.
// Memory:  in the kernel about 400 bytes a path and 350 a file and path.
// Errors:  kResourceExhausted when the kernel's tables are full; a path that names nothing is none. A file with more than
//          SLUICE_FILE_NAMES of the paths keeps the first ones: TakeCrowded().
#pragma once

#include <bpf/libbpf.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "compiler/source/source.h"

namespace sluice::load {

class FileNames {
 public:
  FileNames() = default;
  ~FileNames();
  FileNames(const FileNames&) = delete;
  FileNames& operator=(const FileNames&) = delete;

  // Starts the thread. REQUIRES: `object` is loaded and outlives this.
  source::Status Open(bpf_object* object);

  // Makes these paths known as well, sorted ones, and the files that they name now. Waits for that at most kLongestWait.
  source::Status Add(const std::vector<std::string>& paths);
  // From here on these alone.
  void Keep(std::vector<std::string> paths);
  // Paths whose file has so many names among the paths that this one is not known for it; each is told once.
  std::vector<std::string> TakeCrowded();

 private:
  void Run();
  source::Status LookUp(const std::vector<std::string>& paths);
  source::Status LookUpSome(const std::string* paths, size_t count);
  source::Status StoreName(const void* file, const std::string& path);

  int names_by_file_ = -1, file_names_ = -1;
  bpf_link* iterator_ = nullptr;

  std::mutex mutex_;
  std::condition_variable changed_, looked_;
  std::vector<std::string> paths_;  // sorted
  uint64_t wanted_ = 0, done_ = 0;  // rounds of looking everything up
  source::Status last_;
  std::set<std::string> crowded_;  // told ones too
  std::vector<std::string> crowded_untold_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice::load
