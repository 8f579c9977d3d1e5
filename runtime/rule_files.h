// rule_files.h - which files a list of paths means: a folder stands for the .rule files below it.
//
// Links are followed, to files and to folders, but for those to folders whose names begin with a dot.
//
// Threads: a pure function of the file system. Errors: kNotFound or kPermissionDenied naming the path that is
//          given but cannot be read; a sub-folder that cannot be read likewise, and a link below a folder that leads
//          nowhere (unless its name begins with a dot), since silently missing rules would be worse.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/source.h"

namespace sluice {

enum class TestFiles : uint8_t { kSkip, kTake };  // <name>_test.rule found below a folder

// Whether a file of that name or path is taken when it is found below a folder.
bool IsRuleFile(std::string_view path, TestFiles tests = TestFiles::kSkip);

// Files in the order given, those of a folder in name order; each file once, however often it is reached.
source::Result<std::vector<std::string>> RuleFiles(const std::vector<std::string>& paths, TestFiles tests);

}  // namespace sluice
