// The words of the .rule language, one block (list, macro, rule or test) at a time.
//
// A word means different things in different places: `=` starts a value, `(` groups a condition or opens a list of
// values, and a value may hold almost any character. So the lexer has modes, and each operator or key switches to the
// mode of what must follow it; the parser then needs one token of look-ahead and no predicates.
//
// The stream holds bytes; one that is not ASCII is shown as 0x7f, which counts as a letter of a bare word.
// Generic keys (KEY) get their own token types (DESC_KEY, ...) from a table in parse/tokens.cc.
lexer grammar SluiceLexer;

tokens {
  WORD, STRING, UNTERMINATED, UNEXPECTED, ASSIGN, COMMA, COLON, LP, RP, LBRACK, RBRACK, LBRACE, RBRACE, KEY,
  DESC_KEY, OUTPUT_KEY, PRIORITY_KEY, ACTION_KEY, ERRNO_KEY, ON_UNKNOWN_KEY, MODE_KEY, TAGS_KEY, ENABLED_KEY,
  SOURCE_KEY, EXCEPTIONS_KEY, THROTTLE_KEY, THEN_KEY, SCOPE_KEY, FUSE_KEY,
  EVENT_KEY, EXPECT_KEY, TRIGGER_KEY, CAPTURE_KEY, UNKNOWN_KEY,
  LIST_LP, ARG_TEXT, BARE
}

fragment BLANK : [ \t\r\b\f\u000B] ;
fragment LETTER : [a-zA-Z] ;
fragment IDENT : LETTER [a-zA-Z0-9_]* ;
fragment FIELD_NAME : IDENT ('.' IDENT)+ ;
fragment DOUBLE_QUOTED : '"' (~["\\\n] | '\\' ~[\n])* '"' ;
fragment SINGLE_QUOTED : '\'' (~['\\\n] | '\\' ~[\n])* '\'' ;
fragment QUOTED : DOUBLE_QUOTED | SINGLE_QUOTED ;
// Shorter than QUOTED wherever the string does end on its line, so it wins only where it does not.
fragment UNCLOSED : '"' (~["\\\n] | '\\' ~[\n])* '\\'? | '\'' (~['\\\n] | '\\' ~[\n])* '\\'? ;
fragment REMARK : '#' ~[\n]* ;
fragment TRANSFORMER : 'tolower' | 'toupper' | 'b64' | 'basename' | 'len' | 'join' | 'concat' | 'getopt' ;
fragment QUANTIFIER : 'oneof' | 'anyof' | 'allof' ;
fragment BARE_TEXT : ~[()"'=,#} \t\r\n\b\f\u000B] ~[()"'=, \t\r\n\b\f\u000B]* ;
// A line that starts with one of these ends whatever an author forgot to close.
fragment KNOWN_KEY
  : 'desc' | 'output' | 'priority' | 'action' | 'errno' | 'on_unknown' | 'mode' | 'tags' | 'enabled' | 'source'
  | 'exceptions' | 'throttle' | 'then' | 'scope' | 'fuse' | 'event' | 'expect' | 'trigger'
  | 'capture' ;

// ---- the first word of a block ---------------------------------------------------------------------------------
LIST_BLOCK : 'list' -> mode(LIST_HEAD) ;
MACRO_BLOCK : 'macro' -> mode(MACRO_HEAD) ;
RULE_BLOCK : 'rule' -> mode(BODY) ;
TEST_BLOCK : 'test' -> mode(BODY) ;
FIRST_OTHER : . -> type(UNEXPECTED) ;

// ---- list NAME = ---------------------------------------------------------------------------------------------
mode LIST_HEAD;
LH_ASSIGN : '=' -> type(ASSIGN), mode(BODY) ;
LH_STRING : QUOTED -> type(STRING) ;
LH_UNTERMINATED : UNCLOSED -> type(UNTERMINATED) ;
LH_COMMENT : REMARK -> skip ;
LH_BLANK : (BLANK | '\n')+ -> skip ;
LH_WORD : ~[="'# \t\r\n\b\f\u000B]+ -> type(WORD) ;

// ---- macro NAME = ----------------------------------------------------------------------------------------------
mode MACRO_HEAD;
MH_ASSIGN : '=' -> type(ASSIGN), mode(COND) ;
MH_STRING : QUOTED -> type(STRING) ;
MH_UNTERMINATED : UNCLOSED -> type(UNTERMINATED) ;
MH_COMMENT : REMARK -> skip ;
MH_BLANK : (BLANK | '\n')+ -> skip ;
MH_WORD : ~[="'# \t\r\n\b\f\u000B]+ -> type(WORD) ;

// ---- keys and all values but conditions ------------------------------------------------------------------------
mode BODY;
CONDITION_KEY : 'condition' BLANK* ':' -> mode(COND) ;
B_KEY : [a-zA-Z_] [a-zA-Z0-9_.-]* ('[' ~[\]\n]* ']')? BLANK* ':' -> type(KEY) ;
ARROW : '->' ;
B_COLON : ':' -> type(COLON) ;
B_COMMA : ',' -> type(COMMA) ;
B_LP : '(' -> type(LP) ;
B_RP : ')' -> type(RP) ;
B_LBRACK : '[' -> type(LBRACK) ;
B_RBRACK : ']' -> type(RBRACK) ;
B_LBRACE : '{' -> type(LBRACE) ;
B_RBRACE : '}' -> type(RBRACE) ;
B_STRING : QUOTED -> type(STRING) ;
B_UNTERMINATED : UNCLOSED -> type(UNTERMINATED) ;
B_COMMENT : REMARK -> skip ;
B_BLANK : (BLANK | '\n')+ -> skip ;
B_WORD : ~[()[\]{}"',# \t\r\n\b\f\u000B] ~[()[\]{}"', \t\r\n\b\f\u000B]* -> type(WORD) ;

// ---- a condition, but for what follows an operator -------------------------------------------------------------
mode COND;
C_CONDITION_KEY : 'condition' BLANK* ':' -> type(CONDITION_KEY) ;
C_KNOWN_KEY : KNOWN_KEY BLANK* ':' -> type(KEY), mode(BODY) ;
// No blank here: `endswith :x` is an operator and its value.
C_KEY : [a-zA-Z_] [a-zA-Z0-9_]* ':' -> type(KEY), mode(BODY) ;
AND : 'and' ;
OR : 'or' ;
NOT : 'not' ;
EXISTS : 'exists' ;
NUM_OP : ('<' | '<=' | '>' | '>=') -> mode(VALUE) ;
STR_OP
  : ('=' | '==' | '!=' | 'contains' | 'icontains' | 'bcontains' | 'startswith' | 'bstartswith' | 'endswith' | 'glob'
    | 'iglob' | 'regex') -> mode(VALUE) ;
LIST_OP : ('in' | 'intersects' | 'pmatch') -> mode(VALUE) ;
FUNC_LP : TRANSFORMER '(' ;
FIELD_ARG : FIELD_NAME '[' -> mode(ARG) ;
FIELD : FIELD_NAME ;
NAME : IDENT ;
NUMBER : '0' [xX] [0-9a-zA-Z]+ | [+-]? [0-9]+ '.'? [0-9]* ([eE] [+-] [0-9]+)? ;
C_LP : '(' -> type(LP) ;
C_RP : ')' -> type(RP) ;
C_COMMA : ',' -> type(COMMA) ;
C_LBRACK : '[' -> type(LBRACK), mode(ARG) ;
C_RBRACE : '}' -> type(RBRACE), mode(BODY) ;
C_STRING : QUOTED -> type(STRING) ;
C_UNTERMINATED : UNCLOSED -> type(UNTERMINATED) ;
C_COMMENT : REMARK -> skip ;
C_BLANK : (BLANK | '\n')+ -> skip ;
C_OTHER : ('&&' | '||' | '=~' | '<>' | .) -> type(UNEXPECTED) ;

// ---- the one value after an operator ---------------------------------------------------------------------------
mode VALUE;
V_KEY : '\n' BLANK* KNOWN_KEY BLANK* ':' -> type(KEY), mode(BODY) ;
V_CONDITION_KEY : '\n' BLANK* 'condition' BLANK* ':' -> type(CONDITION_KEY), mode(COND) ;
QUANT_LP : QUANTIFIER (BLANK | '\n')+ '(' -> mode(ITEMS) ;
QUANT_NAME : QUANTIFIER (BLANK | '\n')+ IDENT -> mode(COND) ;
VAL_LP : 'val(' -> mode(COND) ;
V_FUNC_LP : TRANSFORMER '(' -> type(FUNC_LP), mode(COND) ;
V_LIST_LP : '(' -> type(LIST_LP), mode(ITEMS) ;
V_STRING : QUOTED -> type(STRING), mode(COND) ;
V_UNTERMINATED : UNCLOSED -> type(UNTERMINATED), mode(COND) ;
V_COMMENT : REMARK -> skip ;
V_BLANK : BLANK+ -> skip ;
V_NEWLINE : '\n' -> skip ;
V_BARE : BARE_TEXT -> type(BARE), mode(COND) ;
V_RBRACE : '}' -> type(RBRACE), mode(BODY) ;
V_RP : ')' -> type(RP), mode(COND) ;
V_OTHER : . -> type(UNEXPECTED), mode(COND) ;

// ---- the values of a list in parentheses -----------------------------------------------------------------------
mode ITEMS;
I_KEY : '\n' BLANK* KNOWN_KEY BLANK* ':' -> type(KEY), mode(BODY) ;
I_CONDITION_KEY : '\n' BLANK* 'condition' BLANK* ':' -> type(CONDITION_KEY), mode(COND) ;
I_RP : ')' -> type(RP), mode(COND) ;
I_COMMA : ',' -> type(COMMA) ;
I_STRING : QUOTED -> type(STRING) ;
I_UNTERMINATED : UNCLOSED -> type(UNTERMINATED) ;
I_COMMENT : REMARK -> skip ;
I_BLANK : BLANK+ -> skip ;
I_NEWLINE : '\n' -> skip ;
I_BARE : BARE_TEXT -> type(BARE) ;
I_RBRACE : '}' -> type(RBRACE), mode(BODY) ;
I_OTHER : . -> type(UNEXPECTED) ;

// ---- the argument of a field or the index of a transformer, after its bracket ----------------------------------
mode ARG;
A_RBRACK : ']' -> type(RBRACK), mode(COND) ;
A_STRING : QUOTED -> type(STRING) ;
A_UNTERMINATED : UNCLOSED -> type(UNTERMINATED), mode(COND) ;
A_BLANK : BLANK+ -> skip ;
A_TEXT : ~[\]["' \t\r\n\b\f\u000B]+ -> type(ARG_TEXT) ;
A_OTHER : . -> type(UNEXPECTED), mode(COND) ;
