//! Whatever a template does, it comes to an end, and the error says which bound it met.

use d2o_text::TextError;
use d2o_text::{ChatTemplate, Message, TemplateFault};

fn render(source: &str) -> Result<String, TextError> {
    ChatTemplate::new(source, "", "").and_then(|template| template.render(&[Message::new("user", "x")], true))
}

/// Refused by a bound whose message has these words, with the line if there is one.
fn assert_bounded(source: &str, words: &str) {
    let shown: String = source.chars().take(80).collect();
    match render(source) {
        Err(error @ TextError::Template { .. }) => {
            assert!(error.to_string().contains(words), "{shown}: {error}");
            assert!(error.hint().is_some());
        }
        other => panic!("{shown}: {other:?}"),
    }
}

#[test]
fn loops_and_recursion_come_to_an_end() {
    let nested = "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}";
    assert_bounded(nested, "more than 4000000 steps");
    assert_bounded(
        "{% macro m(x) %}{% if x %}{{ m(x - 1) }}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
        "steps",
    );
    assert_bounded("{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}", "calls itself too deeply");
    assert_bounded(
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "too deeply",
    );
    assert_bounded("{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}", "too deeply");
}

#[test]
fn memory_is_paid_for_before_it_is_taken() {
    for source in [
        "{{ 'x' * 1000000000 }}",
        "{% set ns = namespace(x='xxxxxxxx') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{{ 'a'|center(10000000000) }}",
        "{{ 'a'.ljust(10000000000) }}",
        "{{ 'a\nb'|indent(10000000000) }}",
        "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
        "{{ ('x' * 1000000).join(range(100000)|map('string')) }}",
        "{{ ([0] * 100000000)|list|length }}",
        "{{ range(100000)|list|tojson(separators=('x' * 1000000, ':')) }}",
        "{% for i in range(100000) %}{{ range(100000)|list|length }}{% endfor %}",
    ] {
        assert_bounded(source, "more than 4000000 steps or more memory");
    }
    assert_bounded("{{ 'x' * 90000000 }}", "writes more than 16777216 bytes");
}

#[test]
fn values_become_neither_too_deep_nor_too_large() {
    let grow = |step: &str| {
        let turns = format!("{{% for i in range(100000) %}}{{% set ns.x = {step} %}}{{% endfor %}}");
        ["{% set ns = namespace(x=[1]) %}", &turns, "{{ ns.x ~ '' }}"].concat()
    };
    assert_bounded(&grow("[ns.x]"), "nested more than 64 deep");
    assert_bounded(&grow("{'a': ns.x}"), "nested more than 64 deep");
    assert_bounded(&grow("[ns.x, ns.x]"), "more than 200000 items");
    assert_bounded(&grow("ns.x + ns.x"), "more than 200000 items");
    assert_bounded("{% set ns = namespace() %}{% set ns.a = ns %}{{ ns ~ '' }}", "inside another one");
    assert_bounded("{% set ns = namespace() %}{% set ns.a = {'b': [ns]} %}", "inside another value");
    // A view of a view of a view is made a list at each turn.
    assert_eq!(render(&grow("ns.x[:]")).unwrap(), "[1]");
}

#[test]
fn what_would_take_the_stack_to_read_is_refused() {
    let many = |part: &str| format!("{{{{ 1{} }}}}", part.repeat(20_000));
    for part in ["+1", "~1", "**1", ".a", "[0]", "()", "|e", " is odd", " and 1", " if 1 else 1"] {
        assert_bounded(&many(part), "more than 1000 parts");
    }
    assert_bounded(&format!("{{{{ {}1 }}}}", "not ".repeat(20_000)), "more than 1000 parts");
    assert_bounded(&format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(20_000)), "300 branches");
    assert_bounded(&"{% if 1 %}".repeat(20_000), "too deeply");
    assert_bounded(&"x".repeat((1 << 20) + 1), "at most 1048576 are read");
    // What is just within the bounds is read on a test's small stack.
    for part in ["+1", "~1", "|e", "|string"] {
        assert!(render(&format!("{{{{ 1{} }}}}", part.repeat(490))).is_ok(), "{part}");
    }
    assert!(render(&format!("{{{{ {}1 }}}}", "not ".repeat(900))).is_ok());
    assert!(render(&format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(299))).is_ok());
}

#[test]
fn absurd_numbers_and_unfinished_tags_are_errors() {
    for source in [
        "{{ range(-9223372036854775808, 9223372036854775807)|length }}",
        "{{ range(9223372036854775807, -9223372036854775808, -1)|length }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ [1]|tojson(indent=1000000000) }}",
        "{% for x in [1] %}{{ loop.cycle() }}{% endfor %}",
        "a\n{# b",
        "{% raw %}",
        "{{",
    ] {
        assert!(matches!(render(source), Err(TextError::Template { .. })), "{source}");
    }
}

#[test]
fn each_kind_of_fault_has_its_own_remedy() {
    let fault = |source: &str| match render(source) {
        Err(TextError::Template { fault, .. }) => fault,
        other => panic!("{source}: {other:?}"),
    };
    assert_eq!(fault("{% if %}"), TemplateFault::Syntax);
    assert_eq!(fault("{{ raise_exception('no') }}"), TemplateFault::Refused);
    assert_eq!(fault("{{ none|length }}"), TemplateFault::Failed);
    assert_eq!(fault("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), TemplateFault::Bound);
    // Only a refusal in the template's own words has to do with who speaks when.
    let hint = render("{{ none|length }}").unwrap_err().hint().unwrap();
    assert!(!hint.contains("system message"), "{hint}");
}
