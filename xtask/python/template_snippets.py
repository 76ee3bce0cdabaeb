"""Small templates, by the part of Jinja2 that each one asks for.

Where transformers refuses one, the fixture says so. All see the same conversation: a system, a user and an assistant turn.
"""

TESTS = r"""
{{ tools is iterable }} {{ none is iterable }} {{ 'a' is iterable }} {{ [] is iterable }} {{ {} is iterable }} {{ 1 is iterable }}
{{ nothing is iterable }} {{ range(3) is iterable }} {{ true is iterable }} {{ 1.5 is iterable }}
{{ 'a' is sequence }} {{ {} is sequence }} {{ [] is sequence }} {{ (1,) is sequence }} {{ none is sequence }} {{ 1 is sequence }}
{{ range(3) is sequence }} {{ messages is sequence }} {{ messages[0] is sequence }} {{ messages[0].content is sequence }}
{{ nothing is sequence }} {{ true is sequence }} {{ tools is sequence }} {{ {}.items() is sequence }} {{ {}.keys() is sequence }}
{{ [1]|map('string') is sequence }} {{ [1]|map('string') is iterable }} {{ [1]|reverse is sequence }} {{ namespace() is sequence }}
{{ {} is mapping }} {{ [] is mapping }} {{ 'a' is mapping }} {{ messages[0] is mapping }} {{ none is mapping }} {{ nothing is mapping }} {{ namespace(a=1) is mapping }}
{{ 'a' is string }} {{ 1 is string }} {{ none is string }} {{ nothing is string }} {{ [] is string }} {{ ('a'|e) is string }}
{{ 1 is number }} {{ 1.5 is number }} {{ true is number }} {{ '1' is number }} {{ none is number }} {{ nothing is number }}
{{ 1 is integer }} {{ 1.0 is integer }} {{ true is integer }} {{ 1 is float }} {{ 1.0 is float }} {{ true is float }} {{ true is boolean }} {{ 1 is boolean }}
{{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }} {{ none is false }} {{ none is none }} {{ nothing is none }} {{ tools is none }}
{{ nothing is defined }} {{ tools is defined }} {{ messages[0].x is defined }} {{ messages[0]['x'] is defined }} {{ messages[9] is defined }} {{ nothing is undefined }} {{ messages[0].role is undefined }}
{{ raise_exception is defined }} {{ strftime_now is defined }} {{ namespace is defined }} {{ range is defined }} {{ dict is defined }} {{ cycler is defined }} {{ joiner is defined }} {{ debug is defined }} {{ continue_final_message is defined }}
{{ raise_exception is callable }} {{ range is callable }} {{ 'a' is callable }} {{ 1 is callable }} {{ none is callable }} {{ nothing is callable }} {{ namespace is callable }} {{ dict is callable }} {{ strftime_now is callable }}
{% macro f() %}{% endmacro %}{{ f is callable }} {{ f is defined }} {{ f is mapping }} {{ f is string }} {{ f is iterable }}
{{ 2 is even }} {{ 3 is even }} {{ 3 is odd }} {{ 4 is divisibleby 2 }} {{ 4 is divisibleby(3) }}
{{ 'abc' is lower }} {{ 'ABC' is upper }} {{ 'aB' is lower }} {{ '1' is lower }}
{{ 1 is eq 1 }} {{ 1 is equalto(2) }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 2 is gt 1 }} {{ 1 is le 1 }} {{ 1 is ge 2 }} {{ 3 is lessthan 4 }} {{ 3 is greaterthan 4 }} {{ 1 is sameas 1 }} {{ 1 is sameas true }} {{ none is sameas none }}
{{ 1 is in [1, 2] }} {{ 'a' is in 'abc' }} {{ 'x' is not in ['y'] }} {{ 1 is not none }} {{ nothing is not defined }} {{ not nothing is defined }}
{{ 'upper' is filter }} {{ 'nope' is filter }} {{ 'tojson' is filter }} {{ 'odd' is test }} {{ 'split' is filter }} {{ 'startingwith' is test }} {{ 'iterable' is test }}
{{ nothing.x is defined }}
{{ messages[0].x.y is defined }}
{{ 'a' is startingwith 'a' }}
{{ 'a'|e is escaped }} {{ 'a' is escaped }}
{% if tools is iterable and tools | length > 0 %}tools{% else %}none{% endif %}
{% if messages[0].content is string %}text{% else %}parts{% endif %}{% if messages[0].content is sequence and messages[0].content is not string %}!{% endif %}
"""

FILTERS = r"""
{{ nothing|length }} {{ []|length }} {{ 'äb'|length }} {{ {'a': 1}|length }} {{ messages|count }} {{ (1, 2)|length }} {{ range(5)|length }}
{{ none|length }}
{{ 1|length }}
{{ true|length }}
{{ {'a': 1, 'b': [1, 2.5, none, true, 'x']}|tojson }}|{{ 'é<>&\'"\n'|tojson }}|{{ none|tojson }}|{{ 1.0|tojson }}|{{ [1,[2]]|tojson(indent=2) }}
{{ {'b': 1, 'a': {'d': 2, 'c': 3}}|tojson(sort_keys=true) }}|{{ {'b': [1, 2]}|tojson(separators=(',', ':')) }}|{{ 'é😀'|tojson(ensure_ascii=true) }}|{{ []|tojson(indent=4) }}|{{ {}|tojson(indent=4) }}
{{ {'a': 1}|tojson(false, 2) }}|{{ {'a': [1]}|tojson(indent=4, separators=(',', ': ')) }}|{{ [1]|tojson(indent=0) }}|{{ [1, {'a': 2}]|tojson(indent='--') }}
{{ 1e20|tojson }} {{ 1e-7|tojson }} {{ 123456789012345680000.0|tojson }} {{ 0.1|tojson }} {{ 1e16|tojson }} {{ -0.0|tojson }} {{ 100000.0|tojson }}
{{ nothing|tojson }}
{{ range(3)|tojson }}
{{ range(3)|list|tojson }} {{ (1, 2)|tojson }} {{ {1: 2, none: 3, true: 4}|tojson }}
{{ {1.5: 2}|tojson }}
{{ {'a': 1}|items|list }} {{ nothing|items|list }}
{{ [1]|items|list }}
{{ '  a b '|trim }}|{{ 'xxaxx'|trim('x') }}|{{ 'xyayx'|trim(chars='xy') }}|{{ '\n\ta\u00a0'|trim }}|{{ 5|trim }}
{{ 'aaa'|replace('a', 'b') }} {{ 'aaa'|replace('a', 'b', 2) }} {{ 'aaa'|replace('a', 'b', count=1) }} {{ 'ab'|replace('', '-') }}
{{ [1, 2]|join }} {{ [1, none, true, 'a', 1.0]|join(', ') }} {{ messages|join('/', attribute='role') }} {{ 'abc'|join('-') }} {{ {'a': 1, 'b': 2}|join('+') }} {{ nothing|join(',') }} {{ [[1], {'a': 'b'}]|join(' ') }} {{ [1,2]|join(d='x') }}
{{ nothing|default('d') }} {{ none|default('d') }} {{ none|default('d', true) }} {{ ''|default('d', boolean=true) }} {{ 0|d('e', true) }} {{ nothing|default }} {{ messages[0].x|default('y') }} {{ nothing|default(default_value='v') }}
{{ nothing.x|default('d') }}
{{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|list }} {{ messages|rejectattr('role', 'eq', 'system')|list|length }} {{ messages|selectattr('name')|list }} {{ messages|selectattr('role')|list|length }} {{ messages|selectattr('role', 'in', ['user', 'system'])|list|length }}
{{ [1, 0, 2, none]|select|list }} {{ [1, 2, 3]|select('odd')|list }} {{ [1, 2, 3]|reject('odd')|list }} {{ [1, 2, 3]|select('gt', 1)|list }} {{ [0, 1]|reject|list }} {{ [1, 2]|select('divisibleby', 2)|list }}
{{ [1, 2]|map('string')|list }} {{ ['a', 'b']|map('upper')|join }} {{ messages|map(attribute='x', default='d')|list }} {{ [[1, 2]]|map('first')|list }} {{ [{'a': {'b': 1}}]|map(attribute='a.b')|list }} {{ [['x']]|map(attribute=0)|list }} {{ ['a b']|map('replace', ' ', '_')|list }}
{{ messages|map(attribute='x')|list }}
{{ true|string }} {{ none|string }} {{ 1.0|string }} {{ [1, 'a']|string }} {{ {'a': none}|string }} {{ nothing|string }}| {{ (1,)|string }} {{ 1e16|string }} {{ 1e-5|string }}
{{ '42'|int }} {{ '4.7'|int }} {{ 'x'|int }} {{ 'x'|int(7) }} {{ none|int }} {{ '0x1f'|int(base=16) }} {{ '11'|int(0, 2) }} {{ 3.99|int }} {{ -3.99|int }} {{ true|int }} {{ ' 5 '|int }} {{ '1_000'|int }} {{ [1]|int }} {{ ''|int(default=3) }}
{{ '1.5'|float }} {{ 'x'|float }} {{ 'x'|float(2.5) }} {{ 3|float }} {{ none|float }} {{ true|float }} {{ ' 2 '|float }} {{ '1e3'|float }} {{ 'inf'|float }} {{ 'nan'|float }} {{ []|float(default=1.0) }}
{{ nothing|int }}
{{ nothing|float }}
{{ 2.5|round }} {{ 3.5|round }} {{ 2.567|round(2) }} {{ 2.1|round(0, 'ceil') }} {{ 2.9|round(method='floor') }} {{ 3|round }} {{ 1234|round(-2) }} {{ -0.5|round }} {{ 0.125|round(2) }} {{ 2.675|round(2) }}
{{ 'hELLO wORLD'|capitalize }} {{ ''|capitalize }} {{ 'éa'|capitalize }} {{ 5|capitalize }} {{ 'hello wORLD-foo bar_baz it\'s (x) 3d'|title }} {{ 'ß'|upper }} {{ 'ÀÉ'|lower }} {{ none|upper }} {{ true|lower }}
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb\n\nc'|indent(2, true) }}|{{ 'a\n\nb'|indent(2, blank=true) }}|{{ 'a\nb'|indent(width='>>') }}|{{ 'a\nb\n'|indent(1, first=true) }}|{{ 'a\r\nb'|indent(2) }}|{{ ''|indent(2, true) }}|
{{ [1, 2]|first }} {{ [1, 2]|last }} {{ 'abc'|first }} {{ 'abc'|last }} {{ []|first }}| {{ {'a': 1}|first }} {{ range(3)|last }} {{ (4, 5)|last }} {{ []|last is defined }} {{ []|first is defined }}
{{ [1, 2, 3]|reverse|list }} {{ 'abc'|reverse }} {{ range(3)|reverse|list }} {{ {'a': 1, 'b': 2}|reverse|list }}
{{ [3, 1, 2]|sort }} {{ ['b', 'A', 'c']|sort }} {{ ['b', 'A', 'c']|sort(case_sensitive=true) }} {{ [1, 2]|sort(reverse=true) }} {{ [1, 2]|sort(true) }} {{ messages|sort(attribute='role')|map(attribute='role')|list }} {{ 'cab'|sort }} {{ {'b': 1, 'a': 2}|sort }} {{ [{'a': 2, 'b': 1}, {'a': 1, 'b': 2}]|sort(attribute='a,b')|map(attribute='a')|list }}
{{ [1, 'a']|sort }}
{{ [1, 2, 1, 3]|unique|list }} {{ ['a', 'A', 'b']|unique|list }} {{ ['a', 'A']|unique(true)|list }} {{ messages|unique(attribute='role')|list|length }}
{{ [1, 2, 3, 4, 5]|batch(2)|list }} {{ [1, 2, 3]|batch(2, 'x')|list }} {{ [1, 2, 3, 4, 5]|slice(2)|list }} {{ [1, 2, 3]|slice(2, 'x')|list }}
{{ {'b': 1, 'A': 2, 'c': 0}|dictsort }} {{ {'b': 1, 'a': 2}|dictsort(by='value') }} {{ {'b': 1, 'A': 2}|dictsort(true) }} {{ {'b': 1, 'a': 2}|dictsort(reverse=true) }} {{ {'b': 2, 'a': 1}|dictsort(false, 'value', true) }}
{{ '<a href="x">\'&/'|e }} {{ '<'|escape }} {{ '<'|e|e }} {{ '<'|forceescape }} {{ '<'|safe }} {{ ('<'|e) ~ '<' }} {{ '<'|safe|replace('<', '>') }}
{{ [1, 2, 3]|sum }} {{ [{'a': 1}, {'a': 2}]|sum(attribute='a') }} {{ [1]|sum(start=10) }} {{ [1.5, 1]|sum }} {{ [3, 1]|min }} {{ [3, 1]|max }} {{ ['b', 'A']|min }} {{ []|min }}| {{ messages|max(attribute='role') }} {{ -3|abs }} {{ 2.5|abs }}
{{ 'abc'|list }} {{ {'a': 1}|list }} {{ (1, 2)|list }} {{ range(2)|list }} {{ nothing|list }} {{ {'a': 1}.items()|list }}
{{ none|list }}
{{ '%s-%d-%.2f'|format('a', 3, 1.5) }} {{ '%(a)s'|format(a=1) }} {{ '%5s|%-5s|%05d'|format('a', 'b', 3) }} {{ '%s'|format(none) }} {{ '%%'|format() }} {{ '%x'|format(255) }}
{{ 'a b c'|wordcount }} {{ 'hello world foo'|truncate(11) }} {{ 'hello world foo'|truncate(8, true) }} {{ 'hello world foo'|truncate(11, end='!') }} {{ 'hello world foo bar'|truncate(14, false, '..', 0) }} {{ 'ab'|center(6) }}|
{{ messages|groupby('role')|map(attribute=0)|list }} {% for key, rows in messages|groupby('role') %}{{ key }}={{ rows|length }};{% endfor %}{% for g in messages|groupby('role') %}{{ g.grouper }}{{ g.list|length }}{% endfor %}
{{ messages[0]|attr('role') }}|{{ namespace(a=1)|attr('a') }}
{{ 'a,b'|split(',') }}
{{ 'a'|bool }}
{{ [1]|chain([2])|list }}
{{ 'a\nb'|lines }}
{{ [1]|zip([2])|list }}
{{ 'a'|nope }}
{{ 'a' is nope }}
{% filter upper %}a{{ 'b' }}{% endfilter %} {% filter replace('a', 'x')|upper %}aba{% endfilter %}
{{ messages|map(attribute='content')|map('length')|list }} {{ messages|map(attribute='content')|join(' ')|upper|replace('A', '*') }}
{{ 'x' if messages|selectattr('role', 'equalto', 'tool')|list else 'y' }} {{ 'x' if messages|selectattr('role', 'equalto', 'tool') else 'y' }}
{{ (messages|selectattr('role', 'equalto', 'tool')|list)|first is defined }} {{ messages|selectattr('role', 'equalto', 'user')|first }} {{ (messages|last).role }} {{ (messages|map(attribute='role')|list)[-1] }}
"""

METHODS = r"""
{{ ' a b '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'abc'.lstrip('ab') }}|{{ 'abc'.rstrip('bc') }}|{{ '\u200b a\u00a0'.strip() }}|{{ ' a '.strip(none) }}|{{ '\x1fa\x1c'.strip() }}|
{{ 'a b  c'.split() }} {{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ 'a b c'.split(none, 1) }} {{ ' a b '.split(' ') }} {{ ''.split() }} {{ ''.split(',') }} {{ 'a,b,c'.split(',')[-1] }} {{ 'a,b'.split(sep=',') }} {{ 'a b c'.split(maxsplit=1) }} {{ 'a,b'.split(',', maxsplit=0) }}
{{ 'a,b,c'.rsplit(',', 1) }} {{ 'a b'.rsplit() }} {{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'ab'.partition('=') }}
{{ 'a\nb\r\nc\rd'.splitlines() }} {{ 'a\nb\n'.splitlines(true) }} {{ 'a\n\nb'.splitlines() }} {{ ''.splitlines() }} {{ 'a\x0bb\x0cc\u2028d'.splitlines() }} {{ 'a\nb'.splitlines(keepends=true) }}
{{ 'abc'.startswith('a') }} {{ 'abc'.startswith(('x', 'a')) }} {{ 'abc'.endswith('c') }} {{ 'abc'.endswith(('x', 'y')) }} {{ 'abc'.startswith('b', 1) }} {{ 'abc'.endswith('b', 0, 2) }} {{ ''.startswith('') }}
{{ 'abc'.startswith(['a']) }}
{{ 'abc'.startswith(nothing) }}
{{ 'aBc'.upper() }} {{ 'aBc'.lower() }} {{ 'abc def'.title() }} {{ 'it\'s a_b-c 3d'.title() }} {{ 'aBC dE'.capitalize() }} {{ 'aBc'.swapcase() }} {{ 'ß'.casefold() }} {{ 'ﬁx'.capitalize() }}
{{ 'aaa'.replace('a', 'b') }} {{ 'aaa'.replace('a', 'b', 1) }} {{ 'ab'.replace('', '-') }} {{ 'aaa'.replace('a', 'b', -1) }} {{ 'aaa'.replace('a', 'b', 0) }}
{{ 'abcabc'.find('c') }} {{ 'abc'.find('x') }} {{ 'äöb'.find('b') }} {{ 'abcabc'.rfind('c') }} {{ 'abcabc'.find('a', 1) }} {{ 'abcabc'.find('c', 0, 2) }} {{ 'abc'.index('c') }} {{ 'abcabc'.rindex('a') }} {{ 'abcabc'.count('a') }} {{ 'abcabc'.count('a', 1) }} {{ 'aaa'.count('') }}
{{ 'abc'.index('x') }}
{{ ','.join(['a', 'b']) }} {{ ''.join([]) }} {{ '-'.join('abc') }} {{ ','.join({'a': 1, 'b': 2}) }} {{ ' '.join(messages|map(attribute='role')) }}
{{ ','.join([1, 2]) }}
{{ '{} {}'.format('a', 1) }} {{ '{0} {0}'.format('x') }} {{ '{a}'.format(a=1) }} {{ '{:>5}|{:<5}|{:^5}'.format('a', 'b', 'c') }} {{ '{:.2f}'.format(1.005) }} {{ '{{}}'.format() }} {{ '{:05d}'.format(42) }} {{ '{:,}'.format(1234567) }} {{ '{}'.format(none) }} {{ '{}'.format([1, 'a']) }} {{ '{:x}'.format(255) }}
{{ 'abc'.removeprefix('ab') }} {{ 'abc'.removeprefix('x') }} {{ 'abc'.removesuffix('bc') }} {{ 'abc'.removesuffix('') }}
{{ 'abc'.isalpha() }} {{ '12'.isdigit() }} {{ '²'.isdigit() }} {{ '½'.isdigit() }} {{ '½'.isnumeric() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ 'ab'.islower() }} {{ 'AB'.isupper() }} {{ 'Ab Cd'.istitle() }} {{ 'a_1'.isidentifier() }} {{ '12'.isdecimal() }} {{ 'ab'.isascii() }} {{ ''.isascii() }} {{ ''.isalpha() }}
{{ 'a'.ljust(3) }}| {{ 'a'.rjust(3, '*') }} {{ 'a'.center(4, '-') }} {{ 'ab'.center(5, '-') }} {{ '7'.zfill(3) }} {{ '-7'.zfill(4) }} {{ 'a\tb'.expandtabs(4) }}
{{ {'a': 1}.get('a') }} {{ {'a': 1}.get('b') }} {{ {'a': 1}.get('b', 2) }} {{ {'a': 1}.keys()|list }} {{ {'a': 1}.values()|list }} {{ {'a': 1}.items()|list }} {{ {'a': 1}.items() }} {{ {'a': 1}.keys() }} {{ {'a': 1}.values() }} {{ 'a' in {'a': 1}.keys() }} {{ {'a': 1}.copy() }} {{ {'a': 1}.items()|length }}
{{ {'a': 1}.pop('a') }}
{{ {'a': 1}.update({'b': 2}) }}
{{ {'a': 1}.setdefault('b', 2) }}
{{ {'a': 1}.clear() }}
{{ {'a': 1}.popitem() }}
{{ {'a': 1}.nope() }}
{% set x = [] %}{{ x.append(1) }}
{% set x = [] %}{% set _ = x.append(1) %}{{ x }}
{{ [1].extend([2]) }}
{{ [1].insert(0, 2) }}
{{ [1].pop() }}
{{ [2, 1].sort() }}
{{ [2, 1].reverse() }}
{{ [1].remove(1) }}
{{ [1, 2, 1].count(1) }} {{ [1, 2].index(2) }} {{ [1].copy() }} {{ (1, 2, 1).count(1) }} {{ (1, 2).index(2) }}
{{ [1].index(5) }}
{{ [1].nope() }}
{{ 'a'.nope() }}
{{ none.strip() }}
{{ nothing.strip() }}
{{ messages[0].content.strip().split(' ')[0].lower() }} {{ messages[0]['content'].split('</think>')[-1].lstrip('\n') }} {{ messages[-1].content.split('a')|length }} {{ (messages[0].content|trim).startswith('Y') }}
{{ ''.__class__ }}
{{ 'a'.__len__() }}
{{ messages.__class__.__name__ }}
{{ dict(a=1, b='x') }} {{ dict({'a': 1}, b=2) }} {{ dict([('a', 1), ['b', 2]]) }} {{ dict() }} {{ dict(**{'x': 1}) }}
{{ range(3)|list }} {{ range(1, 3)|list }} {{ range(5, 0, -2)|list }} {{ range(3)[1] }} {{ range(10)[2:4]|list }} {{ 2 in range(3) }} {{ range(0)|list }} {{ range(3).index(2) }}
{{ range(1000000)|length }}
"""

EXPRESSIONS = r"""
{{ true }} {{ false }} {{ none }} {{ True }} {{ False }} {{ None }} {{ nothing }}| {{ 1 }} {{ 1.0 }} {{ 1.5e3 }} {{ 1e20 }} {{ 1e16 }} {{ 1e15 }} {{ 1e-4 }} {{ 1e-5 }} {{ 123456789.123456789 }} {{ 0.1 + 0.2 }} {{ 1_000 }} {{ 0x1f }} {{ 0b11 }} {{ 0o17 }}
{{ ['a', 1, none, true, 1.0, [], {}, ()] }} {{ {'a': 'b', 1: none, 'c': ['d']} }} {{ (1,) }} {{ (1, 'a') }} {{ () }} {{ ["it's", 'say "x"', 'both \' and "'] }} {{ ['\n\t\\é\x00\u200b'] }} {{ messages[0] }}
{{ 7 / 2 }} {{ 6 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7.5 // 2 }} {{ 1 / 3 }} {{ 2 ** 0.5 }} {{ 10 / 4 * 2 }} {{ 2 + 3 * 4 - 1 }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} {{ 2 ** 100 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ true + 1 }} {{ true + true }} {{ 'a' + 'b' }} {{ [1] + [2] }} {{ (1,) + (2,) }} {{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ [0] * 3 }} {{ 'a' * 0 }} {{ 'a' * -1 }} {{ (1, 2) * 2 }}
{{ 'a' + 1 }}
{{ 1 + 'a' }}
{{ 'a' + none }}
{{ nothing + 'a' }}
{{ 'a' + nothing }}
{{ [1] + (2,) }}
{{ 'a' - 'b' }}
{{ {} + {} }}
{{ 'a' * 'b' }}
{{ none + 1 }}
{{ 'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1] ~ {'a': 1} }} {{ nothing ~ 'x' }} {{ 1 ~ 2 }} {{ (1, 2) ~ '' }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ 1 == true }} {{ '1' == 1 }} {{ none == false }} {{ [] == [] }} {{ [1] == (1,) }} {{ {'a': 1} == {'a': 1} }} {{ 'a' < 'b' }} {{ 'a' < 'B' }} {{ [1, 2] < [1, 3] }} {{ 1 != 2 }} {{ nothing == none }} {{ nothing == nothing }} {{ nothing != '' }} {{ nothing == '' }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ nothing < 1 }}
{{ 'a' >= 1 }}
{{ [] < 1 }}
{{ {} < {} }}
{{ messages|length > 1 }} {{ 1 in [1, 2] }} {{ 'a' in 'abc' }} {{ 'a' in {'a': 1} }} {{ 1 not in [1] }} {{ 'x' in messages[0] }} {{ 'role' in messages[0] }} {{ none in [none] }} {{ 1.0 in [1] }} {{ '' in 'a' }} {{ (1, 2) in [(1, 2)] }} {{ 'a' in ('a', 'b') }} {{ true in [1] }}
{{ 'a' in none }}
{{ 1 in 'a' }}
{{ 'a' in 1 }}
{{ 'a' in nothing }}
{{ none in 'abc' }}
{{ nothing in [1] }} {{ nothing in ['a', none] }}
{{ 1 and 2 }} {{ 0 and 2 }} {{ 0 or 'x' }} {{ '' or none }} {{ not 1 }} {{ not '' }} {{ not nothing }} {{ not [] }} {{ not {} }} {{ not 0.0 }} {{ none or [] }} {{ nothing or 'y' }} {{ nothing and 'y' }}| {{ not not 'a' }} {{ true and not false }} {{ 1 or 1/0 }} {{ (nothing or 1) + 1 }}
{{ 'y' if true }} {{ 'y' if false }}| {{ 'y' if false else 'n' }} {{ ('y' if false) is defined }} {{ 'a' if 1 else 'b' if 0 else 'c' }} {{ ('x' if none else 'z') ~ '!' }} {{ ('y' if false) ~ 'q' }} {{ 'a' ~ ('b' if true else 'c') }}
{{ messages[0]['role'] }} {{ messages[0].role }} {{ messages[-1].role }} {{ messages[1:]|length }} {{ messages[:-1]|length }} {{ messages[::-1]|map(attribute='role')|list }} {{ messages[0:1][0].role }} {{ 'abcdef'[1:4] }} {{ 'abcdef'[-2:] }} {{ 'abcdef'[::-1] }} {{ 'abc'[0] }} {{ 'abc'[-1] }} {{ [1, 2, 3][5:] }} {{ 'äöü'[1] }} {{ (1, 2, 3)[1:] }} {{ [1, 2, 3, 4][::2] }} {{ 'abcdef'[4:1:-1] }} {{ [1, 2, 3][-2:-1] }} {{ 'abc'[:99] }}
{{ messages[9] }}| {{ messages[0].nope }}| {{ messages[0]['nope'] }}| {{ 'abc'[9] }}| {{ messages['role'] }}| {{ messages.role }}| {{ 'abc'.role }}| {{ 1 .x }}| {{ none.x }}| {{ none['x'] }}| {{ true.x }}| {{ messages[none] }}|
{{ messages[9].role }}
{{ nothing.x }}
{{ nothing['x'] }}
{{ nothing[0] }}
{{ nothing() }}
{{ nothing[1:] }}
{{ none[0] }}
{{ messages[0].nope.x }}
{{ -nothing }}
{{ nothing * 2 }}
{{ nothing|upper }}| {{ nothing|trim }}| {{ nothing|replace('a', 'b') }}| {{ nothing|first }}|
{{ nothing|abs }}
{{ -'a' }}
{{ none() }}
{{ 'a'() }}
{{ "double" 'single' "con" "cat" }} {{ 'a\'b' }} {{ "a\"b" }} {{ 'tab\tnl\\n' }} {{ '\u00e9\x41\101' }} {{ '\q\d' }} {{ 'a\
b' }} {{ '\U0001F600' }} {{ '\a\v'|length }} {{ '{{ }}' }} {{ '{% %}' }} {{ "{# #}" }} {{ 'é' }}
{{ [1, 2,] }} {{ {'a': 1,} }} {{ (1, 2,) }} {{ {'a': 1}['a'] }} {{ {'a': {'b': 2}}.a.b }} {{ {1: 'x'}[1] }} {{ {1: 'x'}[true] }} {{ {'x': 1}.x }} {{ {'a': 1, 'a': 2} }} {{ {'a-b': 1}['a-b'] }} {{ [[1, 2], [3]][0][1] }}
{{ {'items': 1}['items'] }} {{ {'get': 1}['get'] }}
{{ +1 }} {{ - 1 }} {{ 1 - -1 }} {{ not true and false }} {{ not (true and false) }} {{ 1 + 1 ~ 'a' }} {{ 'a' ~ 1 + 1 }} {{ 2 * 3 ~ 'x' }} {{ 1 == 1 and 2 == 2 }} {{ 1 if 1 == 1 else 2 }} {{ 'a' 'b'|upper }} {{ -1|abs }} {{ 1 + -2|abs }} {{ 'a' in 'ab' == true }} {{ (1 in [1]) == true }} {{ not 1 == 2 }} {{ 'a' is string and 'b' is string }}
{{ 1 is odd is true }}
{{ bos_token }} {{ eos_token }} {{ pad_token }} {{ unk_token }}| {{ sep_token is defined }} {{ mask_token is defined }} {{ image_token }} {{ additional_special_tokens is defined }} {{ extra_special_tokens is defined }} {{ add_generation_prompt }} {{ documents }} {{ tools }} {{ messages|length }} {{ chat_template is defined }}
{{ 99999999999999999999 + 1 }} {{ 2**63 }} {{ -2**63 }} {{ 10**18 * 10 }} {{ 5 // 2.0 }} {{ 1e308 * 10 }} {{ -1e308 * 10 }} {{ 3.0 == 3 }} {{ 3.14 % 1 < 0.2 }} {{ 10 % 3.5 }} {{ 1e3|int }} {{ 100 * 1.1 }} {{ 0.1 * 3 }} {{ 1.10 }} {{ 5e-324 }} {{ 1.7976931348623157e308 }} {{ 12345678.9 }} {{ 1e22 }} {{ 1e21 }} {{ 123456789012345678 }}
{{ strftime_now('%Y')|length }} {{ strftime_now('%d %b')|length }} {{ strftime_now is callable }}
"""

STATEMENTS = r"""
{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}
{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined }}>{{ m.role }}>{{ loop.nextitem.role if loop.nextitem is defined }};{% endfor %}
{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{{ loop.cycle('a', 'b') }}{% endfor %} {% for m in messages %}{% if not loop.first and loop.previtem.role == m.role %}same{% endif %}{% endfor %}
{% for m in messages if m.role != 'system' %}{{ loop.index }}/{{ loop.length }}{{ m.role }}{% else %}none{% endfor %} {% for x in [] %}x{% else %}empty{% endfor %} {% for x in nothing %}x{% else %}u{% endfor %}
{% for x in none %}x{% endfor %}
{% for x in 1 %}x{% endfor %}
{% for x in 'abc' %}{{ x }}-{% endfor %} {% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %} {% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %} {% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %} {% for (a, b) in [[1, 2]] %}{{ a + b }}{% endfor %} {% for k, v in {'a': 1}|items %}{{ k }}{{ v }}{% endfor %}
{% for a, b in [1, 2] %}{{ a }}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}
{% for a in [1, 2, 3] %}{% if a == 2 %}{% continue %}{% endif %}{{ a }}{% endfor %} {% for a in [1, 2, 3] %}{% if a == 2 %}{% break %}{% endif %}{{ a }}{% else %}never{% endfor %} {% for a in [1, 2] %}{% for b in [1, 2] %}{% if b == 2 %}{% break %}{% endif %}{{ a }}{{ b }}{% endfor %}{% endfor %} {% for i in range(3) %}{% set ns = i %}{{ ns }}{% endfor %}{{ ns is defined }}
{% for a in [[1, [2]], [3]] recursive %}{% if a is iterable %}[{{ loop(a) }}]{% else %}{{ a }}@{{ loop.depth }}{% endif %}{% endfor %}
{% for a in [1, 2] %}{% set outer = loop %}{% for b in [1] %}{{ outer.index }}{{ loop.index }}{% endfor %}{% endfor %}
{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }} {% if true %}{% set y = 5 %}{% endif %}{{ y }} {% set a, b = 1, 2 %}{{ a }}{{ b }} {% set a, b = [3, 4] %}{{ a }}{{ b }} {% set x = 'p' ~ 'q' %}{{ x }} {% if false %}{% set z = 1 %}{% endif %}{{ z }}|
{% set ns = namespace(a=1, b=[]) %}{% set ns.a = ns.a + 1 %}{% for i in [1, 2] %}{% set ns.a = ns.a * 2 %}{% set ns.b = ns.b + [i] %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}|{{ ns['a'] }} {% set n = namespace() %}{% set n.x = none %}{{ n.x }} {% set ns.new = 1 %}{{ ns.new }} {% set q = namespace({'k': 3}, j=4) %}{{ q.k }}{{ q.j }}
{% set ns = namespace(_a=1) %}
{% set d = {'a': 1} %}{% set d.a = 2 %}{{ d }}
{% set x %}block {{ 1 + 1 }}{% endset %}[{{ x }}] {% set y | upper %}abc{% endset %}{{ y }} {% set z %}{% for i in [1, 2] %}{{ i }}{% endfor %}{% endset %}{{ z|length }} {% set e %}{% endset %}{{ e == '' }}
{% macro m(a, b='d', c=none) %}{{ a }}{{ b }}{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(1, c=3) }}{{ m(a='x', b='y') }}{{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1) }}{{ m.name }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(x) %}<{{ caller() }}{{ x }}>{% endmacro %}{% call m(1) %}body{% endcall %} {% macro n() %}{{ caller('q') }}{% endmacro %}{% call(a) n() %}got {{ a }}{% endcall %}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }} {% macro outer(x) %}{% macro inner(y) %}{{ x }}{{ y }}{% endmacro %}{{ inner(2) }}{% endmacro %}{{ outer(1) }}
{% set x = 1 %}{% macro m() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }} {% macro g(v) %}{% set v = v + 1 %}{{ v }}{% endmacro %}{{ g(1) }} {% for i in [1] %}{% macro h() %}{{ i }}{% endmacro %}{{ h() }}{% endfor %}
{% macro a(x) %}{{ b(x) }}{% endmacro %}{% macro b(x) %}b{{ x }}{% endmacro %}{{ a(1) }} {{ a(1) is string }} {{ a(1)|length }} {{ a(1).strip() }} {{ a(1) ~ 'x' }} {{ a(1) == 'b1' }}
{% macro p(messages) %}{% for m in messages %}{{ m.role }}{% endfor %}{% endmacro %}{{ p(messages[:1]) }} {% macro q() %}{{ messages|length }}{{ bos_token }}{{ loop is defined }}{% endmacro %}{{ q() }}{% for z in [1] %}{{ q() }}{% endfor %}
{% generation %}a{{ messages[0].role }}{% endgeneration %} {%- generation -%} b {%- endgeneration -%} c {% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ loop.index }}{% endgeneration %}{% endif %}{% endfor %}
{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }} {% with %}{% set c = 1 %}{{ c }}{% endwith %}{{ c is defined }}
{% raw %}{{ x }} {% y %}{% endraw %} {# a comment {{ x }} #}after {#- trimmed -#} end
{% if messages[0].role == 'system' %}a{% elif true %}b{% else %}c{% endif %} {% if false %}a{% elif 0 %}b{% else %}c{% endif %} {% if not tools %}no{% endif %} {% if tools is not none and tools %}t{% endif %}{% if messages %}m{% endif %}
{% block b %}in {{ bos_token }}{% endblock %}
{% include 'x' %}
{% extends 'x' %}
{% import 'x' as y %}
{% do messages.append(1) %}
{% autoescape true %}{{ '<' }}{% endautoescape %} {{ '<' }}
{% nope %}
{% if x %}
{{ x
{% endfor %}
{{ raise_exception('my words') }}
{% if messages|length > 100 %}{{ raise_exception('no') }}{% endif %}ok
{% break %}
{{ super() }}
{{ caller is defined }} {{ loop is defined }} {{ varargs is defined }}
{% for i in range(2) %}{% set x = i %}{% endfor %}{{ x is defined }} {% set ns = namespace(found=false) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}
{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ message.role }}?{% endif %}{% endfor %}
{% set messages = messages[1:] %}{{ messages|length }}{% set system = messages[0].content|trim %}{{ system }}{% for m in messages %}{{ m.role }}{% endfor %}
{% set loop_messages = messages %}{% for m in loop_messages %}{% set content = m['content'] %}{% if loop.index0 == 0 and true %}{% set content = bos_token + content %}{% endif %}{{ content }}|{% endfor %}
{% set x = {'a': 1} %}{{ x.a }}{% set y = dict(x, b=2) %}{{ y }}{% set z = [1] + [2] %}{{ z }}{% set w = (1, 2) %}{{ w[0] }}
{%- set a = 1 -%} {{ a }} {%+ if true %} x {%+ endif %} {{- a -}} y {{+ a }}
"""

# Whitespace around tags; these hold line ends, so each is a list of its own.
WHITESPACE = [
    "a\n  {% if true %}\n  b\n  {% endif %}\nc\n",
    "a\n  {%- if true -%}\n  b\n  {%- endif -%}\nc\n\n",
    "a\n\t{%+ if true %}\n  b\n  {%+ endif %}\nc",
    "{% if true -%}\n\n  x\n{%- endif %}\n\n",
    "a {% if true %} b {% endif %} c\n",
    "  {{ 'x' }}\n  {{- 'y' -}}  \n  z",
    "{# c #}\n  a\n  {# c #}\nb",
    "{#- c -#}\n a {#- d #} e",
    "{% if true +%}\nkept{% endif %}",
    "{% raw %}\n  {{ x }}\n{% endraw %}\nend",
    "{%- raw -%}\n  {{ x }}\n{%- endraw -%}\nend",
    "{% set x %}\n  a\n{% endset %}\n[{{ x }}]",
    "{% for i in [1, 2] %}\n  {{ i }}\n{% endfor %}\n",
    "{% macro m() %}\n  in\n{% endmacro %}\n[{{ m() }}]\n",
    "a\r\nb\r\n{% if true %}\r\nc{% endif %}\r\n",
    "a\rb\r{% if true %}\rc{% endif %}\r",
    "{{ 'a\r\nb' }}|{{ 'a\\r\\nb' }}",
    "\n\na\n\n",
    "a\n\n",
    "a \n",
    "",
    "\n",
    "{{ 1 }}\n",
    "{% if true %}\n\n{% endif %}\n\nx",
    "x\n   {#- c -#}   \ny",
    "x{% if true %}\n  {{ 'y' }}\n{% endif %}  \n",
    " {% if true %} a{% endif %}",
    "a  {% if true %}b{% endif %}  \n  {% if true %}c{% endif %}",
    "{% generation %}\n  a\n{% endgeneration %}\nb",
    "  {%- generation %}\n  a\n  {%- endgeneration +%}\nb",
    "\ufeffa",
    "a\u2028b\x0cc\n",
    "{%\n  if\n  true\n%}\n{{\n 1\n}}{% endif %}",
    "{{ {'a': 1}['a'] }}{{ {'a': {}} }}",
    "{{ '}}' }}{% if '%}' %}x{% endif %}{# %} }} #}",
    "{% for m in messages %}{% if loop.first %}{{ m.content }}\n{% endif %}\n    {% endfor %}\nz",
    "{%if true%}a{%endif%}{{1}}",
    "{% if true %}{% endif %}\n{% if true %}\n{% endif %}\nx",
    "\u00a0 {% if true %}x{% endif %}",
    "\t \t{% if true %}x{% endif %}\t\n",
    "a{{ 1 }}\n\n{{ 2 }}\n",
    "{{ 1 -}}\n\n{{ 2 }}",
    "-{%- if true %} - {% endif -%} -",
]


def snippets():
    """Group and template of each snippet; a line of the texts above is one template, a backslash at its end goes on."""
    for group, text in [("tests", TESTS), ("filters", FILTERS), ("methods", METHODS),
                        ("expressions", EXPRESSIONS), ("statements", STATEMENTS)]:
        for line in text.strip("\n").replace("\\\n", "\\\x00").split("\n"):
            yield group, line.replace("\x00", "\n")
    for template in WHITESPACE:
        yield "whitespace", template
