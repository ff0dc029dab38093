# From rustdoc's JSON: each public name that no example shows.

.index as $index | .index[.root | tostring].name as $crate |

def item: $index[tostring];

# Each public struct, enum, trait, function and module: its path, and the item.
def public($path):
    .inner as $inner |
    if $inner.module then
        ($inner.module.items[] | item | public("\($path)::\(.name // .inner.use.name)")),
        # A module without items is a page of text.
        (select($path != $crate and $inner.module.items != []) | {path: $path, item: .})
    elif $inner.use then
        # What another crate defines, that crate checks.
        $inner.use.id | select(. != null) | item | select(. != null) | public($path)
    elif $inner.struct or $inner.enum or $inner.trait or $inner.function then {path: $path, item: .}
    else empty end;

# The examples that rustdoc tests, without comments: as a reader sees them, and whole.
def examples:
    reduce split("\n")[] as $line ({state: "text", blocks: []};
        ($line | gsub("^\\s+"; "")) as $text |
        if $text | startswith("```") then
            if .state != "text" then .state = "text"
            elif $text[3:] | split(",") | all(IN("", "rust", "no_run", "should_panic")) then
                .state = "example" | .blocks += [{visible: "", whole: ""}]
            else .state = "other" end
        elif .state == "example" then
            ($text | sub("^//.*"; "") | sub(" // .*"; "")) as $code |
            if $code | test("^#( |$)") then .blocks[-1].whole += $code[1:] + "\n"
            else .blocks[-1].visible += $code + "\n" | .blocks[-1].whole += $code + "\n" end
        else . end)
    | .blocks[];

# The item and what stands on its page.
def page:
    .id,
    (.inner | (.struct // .enum).impls // [] | .[] | item.inner.impl | select(.trait == null) | .items[]),
    (.inner | .trait.items // [] | .[]),
    (.inner | .enum.variants // [] | .[]);

[.index[] | select(.crate_id == 0) | .id as $id | .docs // "" | examples | .id = $id] as $examples |
($examples | map({key: "\(.id)", value: true}) | from_entries) as $has_example |
[.index[.root | tostring] | public($crate)] | unique_by(.path) |
(group_by(.path | split("::")[-1]) | map(select(length > 1) | .[0].path | split("::")[-1])) as $ambiguous |
.[] | .path as $path | ($path | split("::")) as $parts | $parts[-1] as $name |
# Of several items with a name, the one that is imported from its module or written behind that.
"\\b\($parts[-2])::(\\{[^;]*(?<!::))?\\b\($name)\\b" as $qualified |
select(any(.item | page; $has_example[tostring]) or ($examples | any(
    (.visible | test("\\b\($name)\\b"))
    and ((any($ambiguous[]; . == $name) | not) or (.whole | test($qualified))))) | not)
| $path
