#include "runtime/alert/throttle.h"

#define XXH_INLINE_ALL
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <random>

#include "runtime/alert/own.h"

namespace sluice::alert {
namespace {

// How long after the window a key may fire again and tell for itself.
constexpr uint64_t kMostGraceNs = 60'000'000'000;

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
  if (fresh)
    at->second =
        windows_.insert(windows_.end(), {.key = key, .start_ns = time_ns, .period_ns = rate.period_ns});
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
    if (window.held_back > 0 && !std::exchange(window.told, false)) --untold_;
    verdict.suppressed = std::exchange(window.held_back, 0);
  } else {
    verdict.passes = false;
    if (window.held_back == 0) {
      window.rule = rule.rule.name.text;
      ++untold_;
    }
    ++window.held_back, ++suppressed_;
  }
  if (windows_.size() > kMaxWindows) ForgetOldest();
  return verdict;
}

void Throttle::ForgetOldest() {
  Take(windows_.front());
  by_key_.erase(windows_.front().key);
  windows_.pop_front();
}

void Throttle::Take(Window& window) {
  if (window.held_back == 0 || window.told) return;
  quiet_[window.rule] += window.held_back;
  window.told = true;
  --untold_;
}

std::map<std::string, uint64_t> Throttle::TakeQuiet(uint64_t now_ns) {
  if (untold_ > 0) {
    for (Window& window : windows_) {
      const uint64_t grace_ns = std::min(window.period_ns, kMostGraceNs);
      if (now_ns > window.start_ns && now_ns - window.start_ns >= window.period_ns + grace_ns) Take(window);
    }
  }
  return std::exchange(quiet_, {});
}

std::map<std::string, uint64_t> Throttle::TakeAll() {
  for (Window& window : windows_) Take(window);
  return std::exchange(quiet_, {});
}

Alert HeldBack(const std::map<std::string, uint64_t>& by_rule, const Host& host, int64_t now_boot_ns) {
  constexpr size_t kMostNamed = 10;
  Alert alert = Own("alerts held back", ast::Priority::kNotice, "throttle", host, now_boot_ns);
  uint64_t alerts = 0;
  std::string rules;
  size_t named = 0;
  for (const auto& [rule, count] : by_rule) {
    alerts += count;
    if (++named > kMostNamed) continue;
    rules += fmt::format("{}{}: {}", rules.empty() ? "" : ", ", rule, count);
  }
  if (named > kMostNamed) rules += fmt::format(" and {} more rules", named - kMostNamed);
  alert.output = fmt::format(
      "throttles held back {} alerts that no later alert of their rule and key tells of | {}", alerts, rules);
  alert.fields.push_back(NumberField("suppressed", static_cast<int64_t>(alerts)));
  alert.fields.push_back(TextField("rules", std::move(rules)));
  return alert;
}

}  // namespace sluice::alert
