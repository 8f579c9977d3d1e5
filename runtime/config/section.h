// config/section.h - one map of the configuration file: every key is asked for, what is left over is unknown.
//
// Each call reads one key into `out`, which keeps its value when the key is absent or at fault. Finish()
// reports keys that nobody asked for, with the nearest one that somebody did.
//
// Threads: one reader. Memory: borrows the node and the diagnostics. Errors: diagnostics. Private to config/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/yaml/yaml.h"
#include "runtime/config/config.h"

namespace sluice::config {

enum class Need : uint8_t { kOptional, kRequired };

class Section {
 public:
  // `owner` as in "an output of type `file`".
  Section(const yaml::Node& node, std::string owner, std::string folder, diag::Diagnostics& diagnostics);

  bool Has(std::string_view key) const;
  void Text(std::string_view key, std::string& out, Need need = Need::kOptional);
  void Path(std::string_view key, std::string& out,
            Need need = Need::kOptional);  // relative to the file's folder
  void Texts(std::string_view key, std::vector<std::string>& out);
  void Paths(std::string_view key, std::vector<std::string>& out);
  void Pairs(std::string_view key, std::vector<std::pair<std::string, std::string>>& out);
  void Flag(std::string_view key, bool& out);
  void Number(std::string_view key, uint64_t& out, uint64_t least, uint64_t most);
  void Duration(std::string_view key, int64_t& out_ns, int64_t least_ns, int64_t most_ns);
  void Size(std::string_view key, uint64_t& out_bytes, uint64_t least, uint64_t most);  // 64MiB
  void PerTime(std::string_view key, std::optional<Rate>& out);                         // 10 per 1m

  // One of `words`; its index, or `otherwise`.
  size_t Choice(std::string_view key, const std::vector<std::string_view>& words, size_t otherwise,
                Need need = Need::kOptional);

  // The value as a map or a list of maps, or null; the caller reads it with a Section of its own.
  const yaml::Node* Map(std::string_view key);
  const yaml::Node* Maps(std::string_view key);

  void Fault(std::string_view key, std::string message, std::string help = {});  // at the key's value
  void Finish();

 private:
  const yaml::Node* Ask(std::string_view key, Need need = Need::kOptional);
  const yaml::Node* Scalar(std::string_view key, Need need = Need::kOptional);
  bool Value(std::string_view key, std::string& out, Need need = Need::kOptional);
  bool Expand(const yaml::Node& node, std::string& out);
  void WrongType(const yaml::Node& node, std::string_view key, std::string_view wanted);

  const yaml::Node& node_;
  const std::string owner_, folder_;
  diag::Diagnostics& diagnostics_;
  std::vector<std::string_view> asked_;
};

}  // namespace sluice::config
