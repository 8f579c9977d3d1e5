// Any bytes as a record: Decode() answers, and what it answers can be looked at whole, by the tree and by
// every field.
#include <memory>

#include "runtime/eval/extract.h"
#include "runtime/lineage/tree.h"
#include "runtime/ring/record.h"

namespace {

using namespace sluice;

// Reads every byte of a value, so that a view outside of the record is noticed.
size_t Touch(const eval::Value& value) {
  size_t sum = 0;
  for (const char c : value.text) sum += static_cast<unsigned char>(c);
  if (value.kind != eval::Value::Kind::kList) return sum;
  for (const eval::Value& element : *value.list) sum += Touch(element);
  return sum;
}

struct Host {
  eval::Names names = eval::Names::Read("/nonexistent");
  eval::RecordEvent event{&names, eval::HostFacts{}};
  lineage::Tree tree{lineage::Limits{.max_processes = 64, .max_text_bytes = 1 << 20}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Host& host = *new Host;
  static volatile size_t sink = 0;
  // Exactly as many bytes as there are, so that the sanitizer sees a read past them.
  const std::unique_ptr<char[]> bytes(new char[size]);
  std::copy(data, data + size, bytes.get());
  ring::Record record;
  if (!ring::Decode({bytes.get(), size}, record).ok()) return 0;
  host.tree.Apply(record);
  const auto self = host.tree.Find({record.header.pid, record.header.start_ns});
  for (int round = -1; round < static_cast<int>(record.rounds.size()); ++round) {
    host.event.Reset(&record, self, round);
    for (const check::FieldRow& row : check::Fields()) {
      const char* argument = row.id == check::FieldId::kEvtArg ? "flags" : "PATH";
      if (row.argument == check::Argument::kNone || row.argument == check::Argument::kIndexOptional)
        argument = "";
      sink = sink + Touch(host.event.Get({.field = row.id, .index = -1, .argument = argument}));
      sink = sink + Touch(host.event.Get({.field = row.id, .index = 1, .argument = ""}));
    }
    sink =
        sink + Touch(host.event.GetList({.field = check::FieldId::kProcArgs, .index = -1, .argument = ""}));
  }
  return 0;
}
