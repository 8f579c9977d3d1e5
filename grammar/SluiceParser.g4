// The .rule language over the tokens of SluiceLexer. LL(1) throughout: no decision looks at more than one token.
//
// What the grammar lets through and parse/ refuses with a sentence of its own: unknown keys, keys given twice,
// values that are not among those that a key knows, and two commas in a row.
parser grammar SluiceParser;

options { tokenVocab = SluiceLexer; }

// ---- blocks ----------------------------------------------------------------------------------------------------
listBlock : LIST_BLOCK scalar ASSIGN array EOF ;
macroBlock : MACRO_BLOCK scalar ASSIGN expression EOF ;
ruleBlock : RULE_BLOCK scalar LBRACE ruleEntry* RBRACE EOF ;
testBlock : TEST_BLOCK scalar LBRACE testEntry* RBRACE EOF ;
conditionAlone : expression EOF ;

ruleEntry
  : key=CONDITION_KEY expression
  | key=(DESC_KEY | OUTPUT_KEY | PRIORITY_KEY | ACTION_KEY | ERRNO_KEY | ON_UNKNOWN_KEY | MODE_KEY | ENABLED_KEY
    | SOURCE_KEY) scalar
  | key=TAGS_KEY array
  | key=EXCEPTIONS_KEY exceptions
  | key=(THROTTLE_KEY | FUSE_KEY) rate
  | key=THEN_KEY action
  | key=SCOPE_KEY scope
  | key=UNKNOWN_KEY leftover*
  ;

testEntry
  : key=EVENT_KEY event
  | key=EXPECT_KEY expectation
  | key=(TRIGGER_KEY | CAPTURE_KEY) scalar
  | key=CONDITION_KEY expression
  | key=UNKNOWN_KEY leftover*
  ;

// ---- values ----------------------------------------------------------------------------------------------------
scalar : WORD | STRING ;
array : LBRACK (scalar (COMMA scalar?)*)? RBRACK ;

// 1 per 10m by proc.exepath, fd.name; 20 processes per 1m
rate : count=WORD counted=WORD? per=WORD period=WORD (by=WORD fieldRef (COMMA fieldRef)*)? ;
fieldRef : WORD (LBRACK scalar RBRACK)? ;

// add %proc.exepath to blocked for 10m
action : verb=WORD fieldRef to=WORD set=scalar during=WORD period=WORD ;

// uid 1000 | cgroup "/system.slice" | percent 10
scope : kind=WORD scalar ;

// [ { name: known, fields: [proc.name, fd.name], comps: [=, in], values: [[cat, (/tmp, /var)]] } ]
exceptions : LBRACK (exceptionItem (COMMA exceptionItem?)*)? RBRACK ;
exceptionItem : LBRACE (exceptionEntry (COMMA exceptionEntry?)*)? RBRACE ;
exceptionEntry : KEY value ;
value
  : element
  | LBRACK (value (COMMA value?)*)? RBRACK
  | LP (value (COMMA value?)*)? RP
  ;
element
  : STRING
  | WORD ( LBRACK scalar RBRACK | LP (value (COMMA value?)*)? RP (LBRACK scalar RBRACK)? )?
  ;

// execve { proc.name: bash, proc.aname: [nginx, systemd] } | nginx -> sh -> curl
event : scalar (ARROW scalar)* map? ;
// nothing | deny "Rule" output "text" times 3 { fd.name: /etc/shadow }
expectation : decision=WORD (named=scalar extra*)? map? ;
extra : keyword=WORD scalar ;
map : LBRACE (pair (COMMA pair?)*)? RBRACE ;
pair : (KEY | STRING COLON) (scalar | array) ;

// What stands after a key that does not exist.
leftover
  : WORD | STRING | COMMA | COLON | ARROW | KEY | LP | RP | LBRACK | RBRACK
  | LBRACE leftover* RBRACE
  ;

// ---- conditions: Falco's ---------------------------------------------------------------------------------------
expression : conjunction (OR conjunction)* ;
conjunction : negation (AND negation)* ;
negation : NOT* primary ;
primary
  : LP expression RP
  | operand comparison
  | NAME
  ;
operand : field | transform ;
field : FIELD | FIELD_ARG argument RBRACK ;
argument : ARG_TEXT | STRING ;
transform : FUNC_LP transformArg (COMMA transformArg)* RP (LBRACK argument RBRACK)? ;
transformArg : tupleItem | LP (tupleItem (COMMA tupleItem)*)? RP ;
tupleItem : operand | NUMBER | STRING ;

comparison
  : EXISTS
  | NUM_OP (literal | reference)
  | STR_OP (literal | reference | quantified)
  | LIST_OP (LIST_LP items RP | BARE | reference)
  ;
quantified : QUANT_LP items RP | QUANT_NAME ;
items : (literal (COMMA literal)*)? ;
literal : BARE | STRING ;
reference : VAL_LP field RP | transform ;
