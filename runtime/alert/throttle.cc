#include "runtime/alert/throttle.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <random>

#include "runtime/alert/alert.h"

namespace sluice::alert {
namespace {

// So that ("a", "bc") and ("ab", "c") differ.
void AppendPart(std::string_view part, std::string& key) {
  const uint64_t bytes = part.size();
  key.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
  key += part;
}

}  // namespace

Throttle::Throttle() : seed_(std::random_device()() | uint64_t{std::random_device()()} << 32) {}

Throttle::Key Throttle::KeyOf(const check::CheckedRule& rule, const eval::Event& event) {
  const ast::Rate& rate = *rule.rule.throttle;
  buffer_.clear();
  AppendPart(rule.rule.name.text, buffer_);
  buffer_.append(reinterpret_cast<const char*>(&rate.count), sizeof rate.count);
  buffer_.append(reinterpret_cast<const char*>(&rate.period_ns), sizeof rate.period_ns);
  for (const check::FieldUse& use : rule.throttle_by) {
    const eval::Value value = event.Get(use);
    buffer_ += static_cast<char>(value.kind);
    AppendPart(ValueText(value, check::Shape::kAny), buffer_);
  }
  const XXH128_hash_t hash = XXH3_128bits_withSeed(buffer_.data(), buffer_.size(), seed_);
  return {hash.high64, hash.low64};
}

Throttle::Verdict Throttle::Ask(const check::CheckedRule& rule, const eval::Event& event, uint64_t time_ns) {
  if (!rule.rule.throttle) return {};
  const ast::Rate& rate = *rule.rule.throttle;
  const Key key = KeyOf(rule, event);
  const auto [at, fresh] = by_key_.try_emplace(key);
  if (fresh) at->second = windows_.insert(windows_.end(), {.key = key, .start_ns = time_ns});
  Window& window = *at->second;
  // Records of two CPUs may come a little out of order: an earlier one belongs to the window.
  if (time_ns > window.start_ns && time_ns - window.start_ns >= rate.period_ns) {
    window.start_ns = time_ns;
    window.passed = 0;
    windows_.splice(windows_.end(), windows_, at->second);
  }
  Verdict verdict;
  if (window.passed < rate.count) {
    ++window.passed;
    verdict.suppressed = std::exchange(window.held_back, 0);
  } else {
    verdict.passes = false;
    ++window.held_back, ++suppressed_;
  }
  if (windows_.size() > kMaxWindows) ForgetOldest();
  return verdict;
}

void Throttle::ForgetOldest() {
  forgotten_ += windows_.front().held_back;
  by_key_.erase(windows_.front().key);
  windows_.pop_front();
}

}  // namespace sluice::alert
