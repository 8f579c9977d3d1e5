#include "runtime/load/seeds.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace sluice::load {
namespace {

struct Atoms {
  uint64_t bits = 0;
  bool known = true;
};

// Images are shared by many links, so each is judged once.
class AtomsByImage {
 public:
  explicit AtomsByImage(const kplan::Model& model) : model_(model) {}

  Atoms Of(const lineage::Image& image) {
    auto known = atoms_.find(&image);
    if (known != atoms_.end()) return known->second;
    kplan::Subject subject;
    subject.hook = SLUICE_HOOK_IMAGE;
    const bool no_name = image.name.empty();
    if (no_name) subject.unknown_strings |= 1u << SLUICE_STR_NAME;
    subject.strings[SLUICE_STR_NAME] = image.name;
    if (!image.exepath_known) subject.unknown_strings |= 1u << SLUICE_STR_EXEPATH;
    if (!image.exepath.empty()) subject.strings[SLUICE_STR_EXEPATH] = image.exepath;
    const kplan::Verdict verdict = model_.Judge(subject);
    const Atoms atoms{verdict.surviving.words[0], verdict.undecided[0] == 0};
    atoms_.emplace(&image, atoms);
    return atoms;
  }

 private:
  const kplan::Model& model_;
  std::unordered_map<const lineage::Image*, Atoms> atoms_;
};

// False: some ancestor is not known.
bool FillAncestors(const lineage::Link& link, AtomsByImage& atoms_by_image, __u64* levels) {
  const lineage::Link* below = &link;
  for (size_t level = 1; below->parent != nullptr; ++level) {
    if (below->parent->image == nullptr) return false;
    const Atoms atoms = atoms_by_image.Of(*below->parent->image);
    if (!atoms.known) return false;
    levels[0] |= atoms.bits;
    if (level < SLUICE_LINEAGE_LEVELS) levels[level] = atoms.bits;
    below = below->parent.get();
  }
  return !below->gap_above;
}

}  // namespace

sluice_image PackImage(const lineage::Image& image) {
  sluice_image packed{};
  std::memcpy(packed.name, image.name.data(), std::min(image.name.size(), sizeof packed.name - 1));
  packed.flags = image.flags & (SLUICE_IMAGE_MEMFD | SLUICE_IMAGE_DELETED | SLUICE_IMAGE_UPPER);
  if (!image.exepath_known) {
    packed.flags |= SLUICE_IMAGE_EXE_UNKNOWN;
  } else if (image.exepath.empty()) {
    packed.flags |= SLUICE_IMAGE_EXE_ABSENT;
  } else {
    packed.exepath_bytes = static_cast<uint32_t>(image.exepath.size());
    std::memcpy(packed.exepath, image.exepath.data(),
                std::min(image.exepath.size(), sizeof packed.exepath - 1));
    const size_t tail = std::min(image.exepath.size(), sizeof packed.tail);
    std::reverse_copy(image.exepath.end() - static_cast<ptrdiff_t>(tail), image.exepath.end(), packed.tail);
  }
  return packed;
}

Seeds ComputeSeeds(const lineage::Tree& tree, const kplan::Model& model, uint32_t slot, uint32_t generation) {
  AtomsByImage atoms_by_image(model);
  const std::vector<std::shared_ptr<const lineage::Link>> living = tree.Living();
  Seeds result;
  result.pids.reserve(living.size());
  result.seeds.reserve(living.size());
  for (const std::shared_ptr<const lineage::Link>& link : living) {
    if (link->image == nullptr) continue;
    sluice_seed& seed = result.seeds.emplace_back();
    result.pids.push_back(link->key.pid);
    seed.start_ns = link->key.start_ns;
    seed.task.image = PackImage(*link->image);
    const Atoms self = atoms_by_image.Of(*link->image);
    seed.task.self[slot] = self.bits;
    seed.task.self_generation[slot] = self.known ? generation : 0;
    const bool known = FillAncestors(*link, atoms_by_image, seed.task.ancestors[slot]);
    seed.task.ancestors_generation[slot] = known ? generation : 0;
  }
  return result;
}

}  // namespace sluice::load
