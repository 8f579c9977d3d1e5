#include "runtime/module_watch.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A host with modules: what its two places list, and what its kernel has not freed.
class ModuleWatchTest : public testing::Test {
 protected:
  ModuleWatchTest() {
    char folder[] = "/tmp/module_watch.XXXXXX";
    root_ = mkdtemp(folder);
    std::filesystem::create_directories(root_ + "/proc");
    std::filesystem::create_directories(root_ + "/sys/module");
    List({});
    watch_ = ModuleWatch::Open(
                 [this](uint64_t address) {
                   const std::lock_guard lock(mutex_);
                   return loaded_[address];
                 },
                 root_)
                 .value();
  }
  ~ModuleWatchTest() override {
    watch_.reset();
    std::filesystem::remove_all(root_);
  }

  void List(const std::vector<std::string>& names) {
    std::ofstream modules(root_ + "/proc/modules");
    for (const std::string& name : names) modules << name << " 16384 0 - Live 0xffffffffc0000000 (OE)\n";
  }
  void Load(const std::string& name, uint64_t address, uint64_t loaded_ns) {
    std::filesystem::create_directories(root_ + "/sys/module/" + name);
    Keep(address, loaded_ns);
    watch_->Add({.name = name,
                 .address = address,
                 .loaded_ns = loaded_ns,
                 .record = name + "'s",
                 .process = nullptr});
  }
  void Keep(uint64_t address, uint64_t loaded_ns) {  // 0: freed
    const std::lock_guard lock(mutex_);
    loaded_[address] = loaded_ns;
  }
  std::vector<std::string> Hidden() {
    watch_->Look();
    std::vector<std::string> names;
    for (const ModuleLoad& load : watch_->Take()) names.push_back(load.record);
    return names;
  }

  std::string root_;
  std::mutex mutex_;  // the watch looks by itself, too
  std::map<uint64_t, uint64_t> loaded_;
  std::unique_ptr<ModuleWatch> watch_;
};

TEST_F(ModuleWatchTest, AModuleThatStaysIsNotHidden) {
  List({"dummy", "other"});
  Load("dummy", 0x1000, 7);
  EXPECT_THAT(Hidden(), IsEmpty());
  EXPECT_THAT(Hidden(), IsEmpty());
}

TEST_F(ModuleWatchTest, OneThatGoesFromTheListIsToldOnce) {
  List({"dummy", "quiet"});
  Load("dummy", 0x1000, 7);
  Load("quiet", 0x2000, 8);
  EXPECT_THAT(Hidden(), IsEmpty());
  List({"dummy"});
  EXPECT_THAT(Hidden(), ElementsAre("quiet's"));
  EXPECT_THAT(Hidden(), IsEmpty());
}

TEST_F(ModuleWatchTest, LoadsWithoutRoomAreCounted) {
  List({"dummy"});
  for (uint64_t i = 0; i < ModuleWatch::kMostLoads; ++i) Load("dummy", 0x1000 + i, 7);
  EXPECT_EQ(watch_->dropped(), 0u);
  Load("dummy", 0x9000, 7);
  Load("dummy", 0x9001, 7);
  EXPECT_EQ(watch_->dropped(), 2u);
}

TEST_F(ModuleWatchTest, OneThatHidesItsFolderAlone) {
  List({"quiet"});
  Load("quiet", 0x2000, 8);
  std::filesystem::remove_all(root_ + "/sys/module/quiet");
  EXPECT_THAT(Hidden(), ElementsAre("quiet's"));
}

TEST_F(ModuleWatchTest, OneThatIsUnloadedIsForgotten) {
  List({"dummy"});
  Load("dummy", 0x1000, 7);
  Keep(0x1000, 0);
  List({});
  EXPECT_THAT(Hidden(), IsEmpty());
  Keep(0x1000, 7);  // no longer watched
  EXPECT_THAT(Hidden(), IsEmpty());
}

TEST_F(ModuleWatchTest, AnAddressThatIsUsedAgainIsAnother) {
  Load("first", 0x1000, 7);
  Load("second", 0x1000, 9);
  List({"second"});
  EXPECT_THAT(Hidden(), IsEmpty());
}

TEST_F(ModuleWatchTest, ANamesakeDoesNotCoverTheFirst) {
  List({"quiet"});
  Load("quiet", 0x1000, 7);
  watch_->Add({.name = "quiet", .address = 0x2000, .loaded_ns = 9, .record = "decoy's", .process = nullptr});
  Keep(0x2000, 9);
  EXPECT_THAT(Hidden(), ElementsAre("quiet's"));
}

TEST_F(ModuleWatchTest, AListThatCannotBeReadSaysNothing) {
  Load("dummy", 0x1000, 7);
  std::filesystem::remove(root_ + "/proc/modules");
  EXPECT_THAT(Hidden(), IsEmpty());
  List({});
  EXPECT_THAT(Hidden(), ElementsAre("dummy's"));
}

TEST_F(ModuleWatchTest, LooksByItself) {
  Load("quiet", 0x1000, 7);
  std::vector<ModuleLoad> hidden;
  for (int tries = 0; tries < 500 && hidden.empty(); ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    hidden = watch_->Take();
  }
  ASSERT_EQ(hidden.size(), 1u);
  EXPECT_EQ(hidden[0].name, "quiet");
}

}  // namespace
}  // namespace sluice
