#include "compiler/naive/naive.h"

namespace sluice::naive {
namespace {

// FNV-1a of the first 255 bytes; both halves together; spread by the golden ratio; scaled to 0..99.
uint64_t BucketOf(const std::string& path) {
  uint64_t hash = 14695981039346656037ull;
  for (const char c : path.substr(0, 255)) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ull;
  }
  hash ^= hash / (1ull << 32);
  hash *= 11400714819323198485ull;
  return hash / (1ull << 32) * 100 / (1ull << 32);
}

}  // namespace

bool InScope(const ast::Scope& scope, const Event& event) {
  const auto value = [&event](const char* name) -> Value {
    const auto at = event.find(name);
    return at == event.end() ? Value() : at->second;
  };
  switch (scope.kind) {
    case ast::Scope::Kind::kAll:
      return true;
    case ast::Scope::Kind::kUid: {
      const Value uid = value("user.uid");
      return uid.kind == Value::Kind::kInt && static_cast<uint64_t>(uid.number) == scope.number;
    }
    case ast::Scope::Kind::kPercent: {
      const Value path = value("proc.exepath");
      return path.kind == Value::Kind::kString && BucketOf(path.text) < scope.number;
    }
    case ast::Scope::Kind::kCgroup: {
      const Value own = value("thread.cgroups");
      if (own.kind != Value::Kind::kString) return false;
      const std::string scope_path = scope.path.back() == '/' ? scope.path : scope.path + "/";
      return (own.text + "/").compare(0, scope_path.size(), scope_path) == 0;
    }
  }
  return false;
}

}  // namespace sluice::naive
