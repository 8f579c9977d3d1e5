// load/file_names.h - which files the paths of mitigations name: a protected file is known by every name.
//
// The paths of the active rule set, and those of one that is about to be, are looked up in the host's mount namespace:
// when they come, and again every second. A path with a symbolic link in it names no file, for no operation has such a
// path. What a path named before stays known until the file is gone. The kernel adds renames, links and opens as they
// happen (bpf/lib/files.bpf.h): the thread is for what has no hook, a file system mounted over a folder for instance.
//
// Threads: owner thread; a thread of its own does the looking up, so that a file system that hangs delays Add() alone.
// Memory:  in the kernel about 400 bytes a path and 350 a file and path. Of a path at most SLUICE_PATH_FILES files are known,
//          and fewer when all of them take up most of the table: those that it named last, and the one that it names.
// Errors:  kResourceExhausted when there are more paths than the kernel's table takes; a path that names nothing is none.
//          What could not be kept otherwise: TakeFaults().
#pragma once

#include <bpf/libbpf.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "bpf/abi/filter_abi.h"
#include "compiler/source/source.h"

namespace sluice::load {

// What goes wrong once rules are active; a path is told once.
struct NameFaults {
  std::vector<std::string>
      crowded;  // its file has so many names among the paths that this one is not known for it
  std::vector<std::string> flooded;  // it has named so many files that the oldest were forgotten
  source::Status failed;             // files could not be looked up or kept; tried again every second
};

class FileNames {
 public:
  FileNames() = default;
  ~FileNames();
  // Ends its thread; again is nothing. REQUIRES: before what Open() was given goes.
  void Close();
  FileNames(const FileNames&) = delete;
  FileNames& operator=(const FileNames&) = delete;

  // Starts the thread. REQUIRES: `object` is loaded, and outlives this as does `refused`: how many files the programs found no
  // room for.
  source::Status Open(bpf_object* object, const __u64* refused);

  // Makes these paths known as well, sorted ones, and the files that they name now. Waits for that at most kLongestWait.
  source::Status Add(const std::vector<std::string>& paths);
  // From here on these alone.
  void Keep(std::vector<std::string> paths);
  NameFaults TakeFaults();

 private:
  void Run();
  struct Found {
    sluice_file file;
    const std::string* path;
  };
  struct Noted {
    sluice_file file;
    uint32_t noted_s;
  };
  using ByPath = std::map<std::string, std::vector<Noted>>;
  source::Status LookUp(const std::vector<std::string>& paths);
  source::Result<std::vector<Found>> Identify(const std::string* paths, size_t count);
  source::Status StoreName(const sluice_file& file, const std::string& path);
  // Forgets the files of paths that are no longer wanted, and the oldest of those that named too many.
  source::Status Sweep(const std::vector<std::string>& paths);
  source::Result<ByPath> ReadNames();
  void Forget(sluice_file file);
  void ForgetOldest(const std::string& path, std::vector<Noted>& files, size_t kept);

  int names_by_file_ = -1, file_names_ = -1;
  bpf_link* iterator_ = nullptr;

  std::mutex mutex_;
  std::condition_variable changed_, looked_;
  std::vector<std::string> paths_;  // sorted
  uint64_t wanted_ = 0, done_ = 0;  // rounds of looking everything up
  source::Status last_;
  const __u64* refused_ = nullptr;
  bool unwanted_ = false;                    // there may be files of paths that are no longer kept
  bool full_ = false;                        // names_by_file was, since the last sweep
  bool failing_ = false;                     // told
  std::set<std::string> crowded_, flooded_;  // told ones too
  NameFaults untold_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice::load
