// source/boxed.h - an optional and a vector that take a pointer's size while they are empty: for parts that few of many
// have.
//
// Copies are deep. Threads: as a plain value. Memory: what is there is on the heap.
#pragma once

#include <compare>
#include <initializer_list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace sluice::source {

// REQUIRES: not empty, for * and ->.
template <typename T>
class Boxed {
 public:
  Boxed() = default;
  // NOLINTBEGIN(google-explicit-constructor): assigned like an optional
  Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
  Boxed(std::optional<T> value) : value_(value ? std::make_unique<T>(*std::move(value)) : nullptr) {}
  // NOLINTEND(google-explicit-constructor)
  Boxed(const Boxed& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(Boxed other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Boxed() = default;

  T& emplace() { return *(value_ = std::make_unique<T>()); }

  explicit operator bool() const { return value_ != nullptr; }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }

 private:
  std::unique_ptr<T> value_;
};

// Reads as a vector; what changes its size goes through Edit().
template <typename T>
class BoxedVector {
 public:
  BoxedVector() = default;
  // NOLINTBEGIN(google-explicit-constructor): assigned like a vector
  BoxedVector(std::vector<T> all)
      : all_(all.empty() ? nullptr : std::make_unique<std::vector<T>>(std::move(all))) {}
  BoxedVector(std::initializer_list<T> all) : BoxedVector(std::vector<T>(all)) {}
  // NOLINTEND(google-explicit-constructor)
  BoxedVector(const BoxedVector& other)
      : all_(other.empty() ? nullptr : std::make_unique<std::vector<T>>(*other.all_)) {}
  BoxedVector(BoxedVector&&) noexcept = default;
  BoxedVector& operator=(BoxedVector other) noexcept {
    all_ = std::move(other.all_);
    return *this;
  }
  ~BoxedVector() = default;

  bool empty() const { return all_ == nullptr || all_->empty(); }
  size_t size() const { return all_ == nullptr ? 0 : all_->size(); }
  const T* begin() const { return all_ == nullptr ? nullptr : all_->data(); }
  const T* end() const { return begin() + size(); }
  T* begin() { return all_ == nullptr ? nullptr : all_->data(); }
  T* end() { return begin() + size(); }
  // REQUIRES: there is such an element.
  const T& operator[](size_t at) const { return (*all_)[at]; }
  T& operator[](size_t at) { return (*all_)[at]; }
  const T& front() const { return all_->front(); }
  T& front() { return all_->front(); }
  const T& back() const { return all_->back(); }

  const std::vector<T>& all() const {
    static const std::vector<T> none;
    return all_ == nullptr ? none : *all_;
  }
  // NOLINTNEXTLINE(google-explicit-constructor): reads the same
  operator const std::vector<T>&() const { return all(); }

  std::vector<T>& Edit() {
    if (all_ == nullptr) all_ = std::make_unique<std::vector<T>>();
    return *all_;
  }
  void push_back(T element) { Edit().push_back(std::move(element)); }
  template <typename... Arguments>
  T& emplace_back(Arguments&&... arguments) {
    return Edit().emplace_back(std::forward<Arguments>(arguments)...);
  }
  void reserve(size_t size) {
    if (size > 0) Edit().reserve(size);
  }

  friend bool operator==(const BoxedVector& a, const BoxedVector& b) { return a.all() == b.all(); }
  friend auto operator<=>(const BoxedVector& a, const BoxedVector& b) { return a.all() <=> b.all(); }

 private:
  std::unique_ptr<std::vector<T>> all_;
};

}  // namespace sluice::source
