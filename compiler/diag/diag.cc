#include "compiler/diag/diag.h"

#include <algorithm>
#include <array>

namespace sluice::diag {
namespace {

constexpr CodeRow kRows[] = {
#define DIAG(code, severity, slug, title) {Code::code, Severity::severity, #code, slug, title},
#include "compiler/diag/codes.def"
#undef DIAG
};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr size_t kMaxSuggestable = 64;  // nobody mistypes a longer word by a letter or two
constexpr size_t kLeastBeginning = 3;   // letters that stand for the whole word

// Optimal string alignment distance: insert, delete, replace and swapped neighbours cost one each.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::array<std::array<size_t, kMaxSuggestable + 1>, 3> rows{};
  auto *before = &rows[0], *last = &rows[1], *now = &rows[2];
  for (size_t j = 0; j <= b.size(); ++j) (*last)[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    (*now)[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = Lower(a[i - 1]) == Lower(b[j - 1]);
      size_t cost = std::min({(*last)[j] + 1, (*now)[j - 1] + 1, (*last)[j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && Lower(a[i - 1]) == Lower(b[j - 2]) && Lower(a[i - 2]) == Lower(b[j - 1]);
      if (swapped) cost = std::min(cost, (*before)[j - 2] + 1);
      (*now)[j] = cost;
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return (*last)[b.size()];
}

}  // namespace

std::string_view SeverityWord(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kNote:
      return "note";
  }
  return "";
}

const CodeRow& RowOf(Code code) { return kRows[static_cast<size_t>(code)]; }

Diagnostic& Diagnostics::Add(Code code, source::Span where, std::string message) {
  const bool error = RowOf(code).severity == Severity::kError;
  if (error) ++errors_;
  if (RowOf(code).severity == Severity::kWarning) ++warnings_;
  // All room is taken at once, so that an earlier result of Add() stays valid while others are added.
  if (all_.empty()) all_.reserve(kMaxDiagnostics);
  Diagnostic* slot = &overflow_;
  if (all_.size() < kMaxDiagnostics) {
    slot = &all_.emplace_back();
  } else {
    ++dropped_;
    if (error) {
      const auto lesser = std::find_if(all_.rbegin(), all_.rend(), [](const Diagnostic& kept) {
        return RowOf(kept.code).severity != Severity::kError;
      });
      if (lesser != all_.rend()) {
        all_.erase(std::next(lesser).base());
        slot = &all_.emplace_back();
      }
    }
  }
  *slot = Diagnostic{code, std::move(message), {where, {}}, {}, {}, {}, {}};
  return *slot;
}

void Diagnostics::Append(const Diagnostics& other) {
  for (const Diagnostic& each : other.all()) Add(each.code, each.primary.span, each.message) = each;
}

Diagnostic Resolved(Diagnostic diagnostic, const source::Files& files) {
  diagnostic.primary.span = files.Resolve(diagnostic.primary.span);
  for (Label& label : diagnostic.others) label.span = files.Resolve(label.span);
  for (Patch& patch : diagnostic.patches) patch.span = files.Resolve(patch.span);
  return diagnostic;
}

std::string NearestSpelling(std::string_view word, const std::vector<std::string_view>& known) {
  if (word.empty() || word.size() > kMaxSuggestable) return {};
  const size_t limit = std::max<size_t>(1, word.size() / 3);
  std::string_view best;
  size_t best_distance = limit + 1;
  for (const std::string_view candidate : known) {
    if (candidate.size() > kMaxSuggestable || candidate.empty()) continue;
    const size_t gap =
        candidate.size() > word.size() ? candidate.size() - word.size() : word.size() - candidate.size();
    if (gap >= best_distance) continue;
    const size_t distance = EditDistance(word, candidate);
    // Replacing every letter is not a typing mistake.
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return std::string(best);
}

std::string Nearest(std::string_view word, const std::vector<std::string_view>& known) {
  std::string spelt = NearestSpelling(word, known);
  if (!spelt.empty() || word.size() < kLeastBeginning) return spelt;
  std::string_view begun;
  for (const std::string_view candidate : known) {
    if (candidate.size() < word.size() || !std::equal(word.begin(), word.end(), candidate.begin(),
                                                      [](char a, char b) { return Lower(a) == Lower(b); })) {
      continue;
    }
    if (!begun.empty() && begun != candidate) return {};
    begun = candidate;
  }
  return std::string(begun);
}

}  // namespace sluice::diag
