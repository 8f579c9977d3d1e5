// container/table.h - the containers that events may name, as one thread knows them.
//
// Threads: belongs to one thread. Memory: what Set() was given; kMaxMissing names of unknown ones.
// Errors:  none. Cost: one look-up.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/container/container.h"

namespace sluice::container {

class Table {
 public:
  static constexpr size_t kMaxMissing = 4096;

  void Set(const std::string& id, std::shared_ptr<const Container> container) {
    if (container == nullptr) {
      containers_.erase(id);
    } else {
      containers_[id] = std::move(container);
    }
    asked_.erase(id);
  }

  // Null when it is not known. Borrowed until the next Set().
  const Container* Find(std::string_view id) {
    const auto found = containers_.find(id);
    if (found != containers_.end()) return found->second.get();
    if (asked_.size() >= kMaxMissing) asked_.clear();
    if (asked_.emplace(id).second && missing_.size() < kMaxMissing) missing_.emplace_back(id);
    return nullptr;
  }

  // Those that Find() did not know, each once.
  std::vector<std::string> TakeMissing() { return std::exchange(missing_, {}); }

 private:
  std::map<std::string, std::shared_ptr<const Container>, std::less<>> containers_;
  std::set<std::string, std::less<>> asked_;
  std::vector<std::string> missing_;
};

}  // namespace sluice::container
