// check/shared_vector.h - a vector whose copies share their elements until one of them is changed.
//
// What check/ makes is read by every later stage and by the plan that outlives them all; a copy would double
// the memory of a large rule set. Reading never copies; Edit() and its short forms do when the elements are
// shared.
//
// Threads: copies may be read on different threads. REQUIRES: no other thread copies the one that is edited.
#pragma once

#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace sluice::check {

template <typename T>
class SharedVector {
 public:
  SharedVector() : all_(std::make_shared<std::vector<T>>()) {}
  SharedVector(std::initializer_list<T> all) : all_(std::make_shared<std::vector<T>>(all)) {}

  const std::vector<T>& all() const { return *all_; }
  // NOLINTNEXTLINE(google-explicit-constructor): reads the same
  operator const std::vector<T>&() const { return *all_; }
  size_t size() const { return all_->size(); }
  bool empty() const { return all_->empty(); }
  const T& operator[](size_t at) const { return (*all_)[at]; }
  auto begin() const { return all_->cbegin(); }
  auto end() const { return all_->cend(); }

  std::vector<T>& Edit() {
    if (all_.use_count() > 1) all_ = std::make_shared<std::vector<T>>(*all_);
    return *all_;
  }
  void push_back(T element) { Edit().push_back(std::move(element)); }
  T& emplace_back() { return Edit().emplace_back(); }
  void clear() { Edit().clear(); }
  void resize(size_t size) { Edit().resize(size); }
  void reserve(size_t size) { Edit().reserve(size); }

 private:
  std::shared_ptr<std::vector<T>> all_;  // never null, but in what was moved from
};

}  // namespace sluice::check
