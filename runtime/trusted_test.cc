#include "runtime/trusted.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace sluice {
namespace {

TEST(Trusted, OnlyWhatNobodyElseCanWrite) {
  char name[] = "/tmp/sluice-trusted.XXXXXX";
  const std::filesystem::path folder = mkdtemp(name);
  const std::string file = folder / "a.rule";
  std::ofstream(file) << "x";
  chmod(file.c_str(), 0640);
  EXPECT_TRUE(Trusted(file).ok());
  chmod(file.c_str(), 0660);
  EXPECT_EQ(Trusted(file).code(), absl::StatusCode::kPermissionDenied);
  chmod(file.c_str(), 0644);
  chmod(folder.c_str(), 0777);
  EXPECT_EQ(Trusted(file).code(), absl::StatusCode::kPermissionDenied);
  chmod(folder.c_str(), 01777);
  EXPECT_TRUE(Trusted(file).ok());
  if (geteuid() == 0) {
    ASSERT_EQ(chown(file.c_str(), 12345, 0), 0);
    EXPECT_EQ(Trusted(file).code(), absl::StatusCode::kPermissionDenied);
  }
  std::filesystem::remove_all(folder);
}

TEST(Trusted, FoldersFurtherUpAndBehindLinks) {
  char name[] = "/tmp/sluice-trusted.XXXXXX";
  const std::filesystem::path folder = mkdtemp(name);
  std::filesystem::create_directories(folder / "open/below");
  std::ofstream(folder / "open/below/a.rule") << "x";
  std::filesystem::create_symlink("open/below/a.rule", folder / "link.rule");
  chmod((folder / "open/below/a.rule").c_str(), 0644);
  for (const char* part : {"open", "open/below"}) chmod((folder / part).c_str(), 0755);
  EXPECT_TRUE(Trusted(folder / "open/below/a.rule").ok());
  EXPECT_TRUE(Trusted(folder / "link.rule").ok());
  chmod((folder / "open").c_str(), 0777);
  EXPECT_EQ(Trusted(folder / "open/below/a.rule").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Trusted(folder / "link.rule").code(), absl::StatusCode::kPermissionDenied);
  chmod((folder / "open").c_str(), 0755);
  if (geteuid() == 0) {
    ASSERT_EQ(lchown((folder / "link.rule").c_str(), 12345, 0), 0);
    EXPECT_EQ(Trusted(folder / "link.rule").code(), absl::StatusCode::kPermissionDenied);
  }
  EXPECT_EQ(Trusted(folder / "none").code(), absl::StatusCode::kNotFound);
  std::filesystem::create_symlink("round", folder / "round");
  EXPECT_EQ(Trusted(folder / "round").code(), absl::StatusCode::kNotFound);
  std::filesystem::remove_all(folder);
}

// A link to a link: the one in the middle, and the folder that it lies in, decide as well.
TEST(Trusted, EveryLinkOfAChain) {
  char name[] = "/tmp/sluice-trusted.XXXXXX";
  const std::filesystem::path folder = mkdtemp(name);
  std::filesystem::create_directories(folder / "middle");
  std::filesystem::create_directories(folder / "last");
  std::ofstream(folder / "last/a.rule") << "x";
  std::filesystem::create_symlink("middle/../middle/to-last", folder / "first");
  std::filesystem::create_symlink(folder / "last", folder / "middle/to-last");
  chmod((folder / "last/a.rule").c_str(), 0644);
  for (const char* part : {"middle", "last"}) chmod((folder / part).c_str(), 0755);
  EXPECT_TRUE(Trusted(folder / "first/a.rule").ok());
  chmod((folder / "middle").c_str(), 0777);
  EXPECT_EQ(Trusted(folder / "first/a.rule").code(), absl::StatusCode::kPermissionDenied);
  chmod((folder / "middle").c_str(), 0755);
  if (geteuid() == 0) {
    ASSERT_EQ(lchown((folder / "middle/to-last").c_str(), 12345, 0), 0);
    EXPECT_EQ(Trusted(folder / "first/a.rule").code(), absl::StatusCode::kPermissionDenied);
  }
  std::filesystem::remove_all(folder);
}

TEST(Trusted, APipe) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_TRUE(Trusted("/dev/fd/" + std::to_string(ends[0])).ok());
  close(ends[0]), close(ends[1]);
  EXPECT_EQ(Trusted("/dev/fd/" + std::to_string(ends[0])).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace sluice
