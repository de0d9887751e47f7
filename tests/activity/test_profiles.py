"""A profile maps files of any make; what is wrong with it, or with a file's envelope, is said before the first row is taken."""

import csv
import datetime
import gzip
import io
from pathlib import Path

import pytest

from activity.opening import NoFile, RefusedFile, open_files
from activity.reading_profile import InvalidProfile, read_profile
from activity.sifting import Sieve
from activity.taking_in import Delivery, Tally

HEAD = """
name = "Test"
source = "core"

[files.facts]
glob = "facts*"
"""
HOLDINGS = """
[[load]]
target = "holdings"
file = "facts"

[load.fields]
external_id = "id"
product = "product"
member_number = "member"
opened_on = "opened"
"""


def deliver(profile, folder, **files):
    """Write the files, read them through the profile; return the reports, the tally, and the refused rows."""
    for name, content in files.items():
        (folder / f"{name}.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    errors = io.StringIO()
    tally, mapped = Tally(errors), read_profile(profile)
    with Sieve() as sieve:
        delivery = Delivery(profile=mapped, files=open_files(mapped, [folder]), sieve=sieve, tally=tally)
        delivery.keep_look_ups()
        reports = [report for batch in delivery.batches() for report in batch.reports]
    return reports, tally, errors.getvalue().splitlines()[1:]


def complaints_of(profile):
    with pytest.raises(InvalidProfile) as refused:
        read_profile(profile)
    return refused.value.complaints


def one_field(expression, *, more=""):
    """A profile whose only expression of interest is the product's."""
    return HEAD + more + HOLDINGS.replace('product = "product"', f"product = {expression}")


class TestComplaints:
    def test_all_are_listed_at_once_with_their_path(self):
        profile = """
            source = "core"
            surprise = 1
            [files.facts]
            glob = ""
            formats = { delimiter = "ab", encoding = "klingon", amounts = "odd" }
            [look_ups.owner]
            file = "nowhere"
            key = "id"
            where = [{ column = "role", is = "owner", in = ["x"] }]
            [[load]]
            target = "holdings"
            file = "elsewhere"
            [load.fields]
            external_id = { column = "id", constant = "x" }
            product = { look_up = "client", key = "id", take = "x" }
            colour = "c"
            opened_on = { column = "o", codes = "unknown" }
            [[load]]
            target = "members"
            file = "facts"
            order = "seq"
            order_as = "colour"
            [load.fields]
            number = 7
        """

        complaints = complaints_of(profile)

        assert sorted(complaint.split(":")[0] for complaint in complaints) == [
            "files.facts.formats.amounts",
            "files.facts.formats.delimiter",
            "files.facts.formats.encoding",
            "files.facts.glob",
            "load",
            "load",
            "load",
            "load[0].fields",
            "load[0].fields.colour",
            "load[0].fields.external_id",
            "load[1].fields.branch_code",
            "load[1].fields.joined_on",
            "load[1].fields.number",
            "load[1].order_as",
            "look_ups.owner.file",
            "look_ups.owner.where[0]",
            "name",
            "surprise",
        ]

    def test_what_is_no_toml_is_one_complaint(self):
        assert len(complaints_of("name = ")) == 1

    def test_a_profile_that_loads_nothing_is_refused(self):
        assert complaints_of('name = "x"\nsource = "core"') == ["load: is missing: at least one"]

    def test_an_activity_has_no_order_and_a_holding_no_attributes(self):
        activity = (
            HEAD
            + """
            [[load]]
            target = "activities"
            file = "facts"
            order = "seq"
            fields = { external_id = "id", kind = "k", occurred_at = "at", member_number = "m" }
        """
        )
        holding = HOLDINGS + '[load.attributes]\ncolour = "c"\n'

        assert complaints_of(activity) == ["load[0].order: activities are never superseded by other rows"]
        assert complaints_of(HEAD + holding) == ["load[0].attributes: only activities have attributes"]

    def test_the_example_of_the_documentation_is_taken(self):
        text = (Path(__file__).resolve().parents[2] / "docs" / "intake.md").read_text(encoding="utf-8")

        profile = read_profile(text.split("```toml")[1].split("```")[0])

        assert profile.loads[0].target == "activities"
        assert profile.files["payments"].formats.date == "%d.%m.%Y"


class TestExpressions:
    ROWS = "id,product,member,opened,kind\n1,card,M1,2026-01-31,\n2,loan,M1,2026-02-28,X\n3,fund,M2,2026-02-28,Y\n"

    @pytest.mark.parametrize(
        ("expression", "products"),
        [
            ('"product"', ["card", "loan", "fund"]),
            ('{ column = "product" }', ["card", "loan", "fund"]),
            ('{ constant = "thing" }', ["thing"] * 3),
            ('{ column = "product", codes = "list", unlisted = "other" }', ["C", "L", "other"]),
            (
                '{ when = [{ column = "kind", is = "", then = "product" }], otherwise = { constant = "rest" } }',
                ["card", "rest", "rest"],
            ),
            (
                '{ when = [{ column = "kind", in = ["X", "Y"], then = "kind" }], otherwise = "product" }',
                ["card", "X", "Y"],
            ),
            (
                '{ when = [{ column = "kind", not_in = ["X", "Y"], then = "product" },'
                ' { column = "kind", is = "Y", then = { constant = "why" } }], otherwise = "kind" }',
                ["card", "X", "why"],
            ),
        ],
    )
    def test_they_give_a_rows_text(self, tmp_path, expression, products):
        more = '[codes.list]\ncard = "C"\nloan = "L"\n'

        reports, tally, _errors = deliver(one_field(expression, more=more), tmp_path, facts=self.ROWS)

        assert [report.product for report in reports] == products
        assert tally.refused == 0

    def test_look_ups_are_chained_and_filtered(self, tmp_path):
        more = """
            [files.owners]
            glob = "owners.csv"
            [files.people]
            glob = "people.csv"
            [look_ups.owner]
            file = "owners"
            key = "thing"
            where = [{ column = "role", is = "owner" }]
            [look_ups.person]
            file = "people"
            key = "person"
        """
        expression = '{ look_up = "person", key = { look_up = "owner", key = "id", take = "person" }, take = "name", missing = "nobody" }'
        files = {
            "owners": "thing,person,role\n1,a,owner\n1,b,user\n2,b,owner\n3,c,owner\n",
            "people": "person,name\na,Ann\nb,Ben\n",
        }

        reports, _tally, _errors = deliver(one_field(expression, more=more), tmp_path, facts=self.ROWS, **files)

        assert [report.product for report in reports] == ["Ann", "Ben", "nobody"]

    def test_what_a_code_list_or_a_look_up_lacks_refuses_the_row(self, tmp_path):
        more = '[codes.list]\ncard = "C"\nloan = "L"\n'

        reports, _tally, errors = deliver(
            one_field('{ column = "product", codes = "list" }', more=more), tmp_path, facts=self.ROWS
        )

        assert len(reports) == 2
        [error] = csv.reader(errors)
        assert error[:4] == ["facts.csv", "4", "product", "unlisted_code"]
        assert error[4:] == ["The code list of the profile lacks this code.", '["3", "fund", "M2", "2026-02-28", "Y"]']

    def test_a_key_with_two_meanings_refuses_the_file(self, tmp_path):
        more = '[look_ups.self]\nfile = "facts"\nkey = "member"\n'
        expression = '{ look_up = "self", key = "member", take = "product" }'

        with pytest.raises(RefusedFile, match="two rows for the key M1"):
            deliver(one_field(expression, more=more), tmp_path, facts=self.ROWS)

    def test_a_filter_keeps_the_rows_that_pass_every_test(self, tmp_path):
        where = 'where = [{ column = "member", is = "M1" }, { column = "kind", not_in = [""] }]\n\n[load.fields]'

        reports, _tally, _errors = deliver(HEAD + HOLDINGS.replace("[load.fields]", where), tmp_path, facts=self.ROWS)

        assert [report.external_id for report in reports] == ["2"]


class TestFormats:
    SNAPSHOTS = """
        [[load]]
        target = "snapshots"
        file = "facts"
        fields = { account_number = "账号", day = "日期", amount = "余额" }
    """

    def amounts(self, folder, content, formats):
        reports, tally, _errors = deliver(HEAD + f"formats = {formats}\n" + self.SNAPSHOTS, folder, facts=content)
        assert tally.refused == 0
        return [(report.account_number, report.day, report.amount_minor) for report in reports]

    @pytest.mark.parametrize(
        ("formats", "encoding", "content"),
        [
            ("{}", "utf-8", "账号,日期,余额\n甲1,2026-02-03,1234.5\n"),
            ("{}", "utf-8-sig", '账号,日期,余额\r\n甲1,2026-02-03,"1234.50"\r\n'),
            ("{}", "gb18030", "账号,日期,余额\n甲1,2026-02-03,+1234.50\n"),
            ('{ encoding = "utf-16", delimiter = "\\t" }', "utf-16", "账号\t日期\t余额\n甲1\t2026-02-03\t1234.500\n"),
            (
                '{ delimiter = ";", decimal = ",", thousands = ".", date = "%d.%m.%Y" }',
                "utf-8",
                "账号;日期;余额\n甲1;03.02.2026;1.234,50\n",
            ),
            (
                '{ delimiter = "|", quote = "", amounts = "minor", date = "%Y%m%d" }',
                "utf-8",
                "账号|日期|余额\n 甲1 |20260203|123450\n",
            ),
        ],
    )
    def test_a_file_may_be_written_in_many_ways(self, tmp_path, formats, encoding, content):
        assert self.amounts(tmp_path, content.encode(encoding), formats) == [
            ("甲1", datetime.date(2026, 2, 3), 123_450)
        ]

    def test_gzip_is_known_by_its_first_bytes(self, tmp_path):
        content = gzip.compress("账号,日期,余额\n甲1,2026-02-03,-0.07\n".encode())

        assert self.amounts(tmp_path, content, "{}") == [("甲1", datetime.date(2026, 2, 3), -7)]

    def test_a_file_without_header_has_its_columns_named(self, tmp_path):
        profile = HEAD + 'columns = ["账号", "日期", "余额"]\n' + self.SNAPSHOTS

        reports, _tally, _errors = deliver(profile, tmp_path, facts="甲1,2026-02-03,5\n甲2,2026-02-03,6\n")

        assert [report.amount_minor for report in reports] == [500, 600]

    def test_names_are_brought_to_nfc(self, tmp_path):
        reports, _tally, _errors = deliver(
            HEAD + HOLDINGS, tmp_path, facts="id,product,member,opened\ncafe\u0301,x,M1,2026-01-01\n"
        )

        assert reports[0].external_id == "café"


class TestEnvelopes:
    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "it is empty"),
            (b"id,product,opened\n", "it lacks the columns member"),
            (b"id,id,product,member,opened\n", "names a column twice"),
            (gzip.compress(b"id,product,member,opened\n" + b"1,x,M1,2026-01-01\n" * 999)[:-12], "truncated or damaged"),
            (b'id,product,member,opened\n1,"' + b"x" * 200_000 + b"\n", "its quoting is broken"),
        ],
    )
    def test_a_bad_one_refuses_the_file_whole(self, tmp_path, content, why):
        with pytest.raises(RefusedFile, match=why):
            deliver(HEAD + HOLDINGS, tmp_path, facts=content)

    def test_a_file_that_is_not_in_its_encoding_is_refused_whole(self, tmp_path):
        with pytest.raises(RefusedFile, match="not written in utf-8"):
            deliver(HEAD + 'formats = { encoding = "utf-8" }\n' + HOLDINGS, tmp_path, facts="id,产品".encode("gb18030"))

    def test_a_delivery_without_any_known_file_is_refused(self, tmp_path):
        with pytest.raises(NoFile):
            deliver(HEAD + HOLDINGS, tmp_path, other="id\n1\n")

    def test_a_path_that_is_not_there_or_that_no_glob_names_is_refused(self, tmp_path):
        (tmp_path / "other.csv").write_text("id\n1\n")
        profile = read_profile(HEAD + HOLDINGS)

        for name, why in (("facts_9.csv", "it is not there"), ("other.csv", "no glob of the profile names it")):
            with pytest.raises(RefusedFile, match=f"{name}.*{why}"):
                open_files(profile, [tmp_path / name])

    def test_a_look_ups_file_that_is_not_there_refuses_the_delivery(self, tmp_path):
        more = '[files.people]\nglob = "people.csv"\n[look_ups.person]\nfile = "people"\nkey = "id"\n'
        expression = '{ look_up = "person", key = "id", take = "name" }'

        with pytest.raises(RefusedFile, match="people"):
            deliver(one_field(expression, more=more), tmp_path, facts=TestExpressions.ROWS)


class TestRows:
    def test_a_bad_one_is_refused_with_its_line_field_and_reason(self, tmp_path):
        content = (
            "id,product,member,opened\n"
            '1,"two\nlines",M1,2026-01-01\n'
            "2,x,M1,2026-02-30\n"
            "\n"
            "3,x,M1\n"
            ",x,M1,2026-01-01\n"
            "4,x,M1,01/02/2026\n"
        )

        reports, tally, errors = deliver(HEAD + HOLDINGS, tmp_path, facts=content)

        assert [report.external_id for report in reports] == ["1"]
        assert [error.split(",")[:4] for error in errors] == [
            ["facts.csv", "4", "opened_on", "unreadable_date"],
            ["facts.csv", "6", "", "wrong_column_count"],
            ["facts.csv", "7", "external_id", "missing"],
            ["facts.csv", "8", "opened_on", "unreadable_date"],
        ]
        assert tally.figures() == {"holdings": {"missing": 1, "unreadable_date": 2, "wrong_column_count": 1}}

    @pytest.mark.parametrize(
        "amount", ["1,000", "0x10", "١٢٣", "NaN", "1e5", "1.005", "--1", "", " ", "12345678901234567890"]
    )
    def test_an_amount_is_read_strictly(self, tmp_path, amount):
        profile = (
            HEAD
            + """
            [[load]]
            target = "snapshots"
            file = "facts"
            fields = { account_number = "account", day = "day", amount = "amount" }
        """
        )

        reports, tally, _errors = deliver(profile, tmp_path, facts=f'account,day,amount\nA1,2026-01-01,"{amount}"\n')

        assert (reports, tally.refused) == ([], 1)

    def test_of_several_rows_of_a_key_the_highest_in_order_counts_across_files(self, tmp_path):
        profile = (
            HEAD
            + """
            [[load]]
            target = "snapshots"
            file = "facts"
            order = "seq"
            fields = { account_number = "account", day = "day", amount = "amount" }
        """
        )
        files = {
            "facts_1": "account,day,amount,seq\nA1,2026-01-01,1,9\nA1,2026-01-01,2,10\nA2,2026-01-01,3,x\n",
            "facts_2": "account,day,amount,seq\nA1,2026-01-01,4,2\nA2,2026-01-01,5,1\n",
        }

        reports, tally, errors = deliver(profile, tmp_path, **files)

        assert [(report.account_number, report.amount_minor) for report in reports] == [("A1", 200), ("A2", 500)]
        assert tally.figures() == {"snapshots": {"superseded": 2, "unreadable_number": 1}}
        assert len(errors) == 1

    def test_without_an_order_the_last_one_counts(self, tmp_path):
        rows = "id,product,member,opened\n1,x,M1,2026-01-01\n1,y,M1,2026-01-01\n"

        reports, tally, _errors = deliver(HEAD + HOLDINGS, tmp_path, facts=rows)

        assert [report.product for report in reports] == ["y"]
        assert tally.figures() == {"holdings": {"superseded": 1}}
