# From rustdoc's JSON: a line for each public name, with its types.

.index as $index | .paths as $paths | .index[.root | tostring].name as $crate |

def item: $index[tostring];
def wrapped($open; $close): if . == "" then "" else $open + . + $close end;
def listed($separator): map(select(. != "")) | join($separator);

# A type, the arguments of a path, or bounds: one function, since each has the others in it.
def show($what):
    # However it was imported.
    def path: (.path | split("::") | last) + (.args | show("arguments"));
    if $what == "bounds" then
        map(
            if .trait_bound then
                (if .trait_bound.modifier == "maybe" then "?" else "" end) + (.trait_bound.trait | path)
            else .outlives // "use" end
        ) | listed(" + ")
    elif $what == "arguments" then
        if . == null then ""
        elif .angle_bracketed then
            .angle_bracketed
            | (.args | map(.lifetime // .const.expr // (if .type then .type | show("type") else "_" end)))
                + (.constraints | map(.name + (.args | show("arguments")) + (
                    if .binding.equality then " = " + (.binding.equality.type | show("type"))
                    else ": " + (.binding.constraint | show("bounds")) end)))
            | listed(", ") | wrapped("<"; ">")
        else
            .parenthesized
            | "(" + (.inputs | map(show("type")) | join(", ")) + ")"
                + (if .output then " -> " + (.output | show("type")) else "" end)
        end
    elif .resolved_path then .resolved_path | path
    elif .generic then .generic
    elif .primitive then .primitive
    elif .borrowed_ref then
        .borrowed_ref
        | "&" + (.lifetime // "" | wrapped(""; " ")) + (if .is_mutable then "mut " else "" end) + (.type | show("type"))
    elif .tuple then "(" + (.tuple | map(show("type")) | join(", ")) + ")"
    elif .slice then "[" + (.slice | show("type")) + "]"
    elif .array then "[" + (.array.type | show("type")) + "; " + .array.len + "]"
    elif .impl_trait then "impl " + (.impl_trait | show("bounds"))
    elif .dyn_trait then
        "dyn " + (.dyn_trait | [(.traits[].trait | path), .lifetime // ""] | listed(" + "))
    elif .qualified_path then
        .qualified_path
        | (.self_type | show("type")) as $self
        | (if (.trait.path // "") == "" then $self else "<" + $self + " as " + (.trait | path) + ">" end) + "::" + .name
    elif .function_pointer then
        .function_pointer.sig
        | "fn(" + (.inputs | map(.[1] | show("type")) | join(", ")) + ")"
            + (if .output then " -> " + (.output | show("type")) else "" end)
    else error("a type of a new kind: \(.)") end;

def shown: show("type");

def parameters:
    .params | map(
        if .kind.lifetime then .name
        elif .kind.const then "const " + .name + ": " + (.kind.const.type | shown)
        elif .kind.type.is_synthetic then ""
        else .name + (.kind.type.bounds | show("bounds") | wrapped(": "; "")) end
    ) | listed(", ") | wrapped("<"; ">");

def where:
    .where_predicates | map(
        if .bound_predicate then .bound_predicate | (.type | shown) + ": " + (.bounds | show("bounds"))
        elif .lifetime_predicate then .lifetime_predicate | .lifetime + ": " + (.outlives | join(" + "))
        else "" end
    ) | listed(", ") | wrapped(" where "; "");

def signature($name):
    (.header | [if .is_const then "const" else "" end, if .is_async then "async" else "" end, "fn"] | listed(" "))
        + " " + $name + (.generics | parameters) + "("
        + (.sig.inputs | map(if .[0] == "self" then "self: " + (.[1] | shown) else .[1] | shown end) | join(", ")) + ")"
        + (if .sig.output then " -> " + (.sig.output | shown) else "" end) + (.generics | where);

def fields($path):
    to_entries[] | select(.value != null) | .key as $at | .value | item
    | "\($path)::\(.name // $at): \(.inner.struct_field | shown)";

def members($path):
    .name as $name | .inner.function as $function | .inner.assoc_type as $type | .inner.assoc_const as $const |
    if $function then "\($path)::" + ($function | signature($name))
    elif $type then
        "\($path)::type \($name)" + ($type.bounds | show("bounds") | wrapped(": "; ""))
            + (if $type.type then " = " + ($type.type | shown) else "" end)
    elif $const then "\($path)::const \($name): " + ($const.type | shown)
    else empty end;

# Of a struct or an enum: its own functions, then its traits. Not what every type has, nor what the compiler adds, but
# for a lack of it.
def impls($path):
    def name: (if .is_negative then "!" else "" end) + (.trait.path | split("::") | last) + (.trait.args | show("arguments"));
    def is_told:
        if .blanket_impl or (.trait.path // "" | IN("StructuralPartialEq", "StructuralEq")) then false
        # pin-project-lite's way to say what the compiler would.
        elif .trait.path == "Unpin" and (.generics | where | contains("__private")) then false
        elif .is_synthetic then .is_negative and (.trait.path | IN("Send", "Sync", "Unpin"))
        else true end;
    [.impls[] | item.inner.impl | select(is_told)]
    | ([.[] | select(.trait == null) | .items[] | item | members($path)] | sort[]),
        (map(select(.trait)) | map([name, (.generics | where), .]) | sort_by(.[:2])
            | (map(select(.[1] == "") | .[0]) | join(" + ") | select(. != "") | "\($path): " + .),
                (.[] | select(.[1] != "") | "\($path): " + .[0] + .[1]),
                (.[] | .[0] as $name | .[2].items[] | item | select(.inner.assoc_type) | members("\($path) as \($name)")));

def public($path):
    (.attrs | if tostring | contains("non_exhaustive") then " (non-exhaustive)" else "" end) as $open | .inner |
    if .module then
        "mod \($path)", (.module.items[] | item | public("\($path)::\(.name // .inner.use.name)"))
    elif .use then
        .use | (.id | if . == null then null else item end) as $target |
        if $target == null then "use \($path) = \($paths[.id | tostring].path // [.source] | join("::"))"
        else $target | public($path) end
    elif .function then .function | signature($path)
    elif .struct then
        .struct | "struct \($path)" + (.generics | parameters + where) + $open,
        (.kind | if type == "object" then .plain.fields // .tuple else [] end | fields($path)),
        impls($path)
    elif .enum then
        .enum | "enum \($path)" + (.generics | parameters + where) + $open,
        (.variants[] | item | "\($path)::\(.name)" as $variant | .inner.variant.kind
            | $variant, (if (. | type) == "object" then .tuple // .struct.fields | fields($variant) else empty end)),
        impls($path)
    elif .trait then
        .trait | "trait \($path)" + (.generics | parameters) + (.bounds | show("bounds") | wrapped(": "; "")) + (.generics | where),
        (.items[] | item | members($path))
    elif .type_alias then "type \($path)" + (.type_alias | (.generics | parameters) + " = " + (.type | shown))
    elif .constant then "const \($path): " + (.constant.type | shown)
    else error("an item of a new kind: \($path)") end;

.index[.root | tostring] | public($crate)
