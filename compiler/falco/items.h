// falco/items.h - one item of a Falco file, read but not yet parsed: its texts may still be appended to.
//
// Threads: passive data. Private to falco/.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ast/ast.h"
#include "compiler/yaml/yaml.h"

namespace sluice::falco {

using yaml::Entry, yaml::Node, yaml::ReadYaml;

// A text with the origin of each of its bytes.
struct Text {
  std::string bytes;
  std::vector<source::Files::Piece> pieces;
  source::Span span;

  bool empty() const { return bytes.empty(); }
  void Append(const Text& other);  // with a blank between, as Falco does
  void Trim();                     // white space at both ends
};
Text TextOf(const Node& scalar);

struct ListItem {
  ast::Word name;
  std::vector<ast::Word> items;
  std::vector<ast::Word> allowed_warnings;
  source::Span span;
};

// Falco expands an item that names a list which was declared before; one that leads back to the list itself is plain
// text (`list: docker`, `items: [docker, dockerd]`), and is quoted here. Linear in all items.
void QuoteCycles(std::vector<ListItem>& lists);

struct MacroItem {
  ast::Word name;
  Text condition;
  std::vector<ast::Word> allowed_warnings;
  source::Span span;
};

// `fields` and `comps` as written; one text each.
struct ExceptionItem {
  ast::Word name;
  bool scalar_field = false;
  std::vector<Text> fields;
  std::vector<ast::Word> comps;
  std::vector<std::vector<std::vector<ast::Word>>> values;  // as in ast::Exception
  source::Span span;
};

struct RuleItem {
  ast::RuleKeys keys;  // without output and desc
  Text condition, output, desc;
  std::vector<ExceptionItem> exceptions;
  bool complete = false;  // all required keys were given
};

// A word of a list or of an exception's values. A value that carries quotes of its own, '"(x)"', is unquoted
// once more.
ast::Word WordOf(const Node& scalar);

}  // namespace sluice::falco
