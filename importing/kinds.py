"""The kinds of files that can be imported: their columns by field, with headings in three languages and a row that shows how."""

import dataclasses

from foundation.sheets import Column

LANGUAGES = ("en", "zh-hans", "zh-hant")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field(Column):
    """A column of a template; headings in the order of LANGUAGES, `also` what else it is called, `sample` what a cell looks like."""

    sample: str
    also: tuple[str, ...] = ()

    def label(self, language: str) -> str:
        """Return the heading in a language."""
        return self.headings[LANGUAGES.index(language) if language in LANGUAGES else 0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileKind:
    """A kind of file: its fields, those that name a row's subject (`key`: no two rows of a file may share it), what may not stand there."""

    code: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    forbidden: tuple[str, ...]

    def field(self, name: str) -> Field | None:
        """Return the field of that name, if the kind has it."""
        return next((field for field in self.fields if field.field == name), None)


# What a file could be tempted to set: rights, standings, and figures that only the ledger writes.
RIGHTS = (
    "is_staff", "is_superuser", "is active", "role", "roles", "permission", "permissions", "groups", "user", "user id", "password",
    "employee number", "tier", "level", "status", "state", "accepted at", "frozen", "owed", "pending", "available",
    "角色", "权限", "權限", "密码", "密碼", "等级", "等級", "会员等级", "會員等級", "状态", "狀態",
)  # fmt: skip
BALANCES = (
    "balance",
    "balance after",
    "points",
    "points balance",
    "余额",
    "餘額",
    "积分",
    "積分",
    "积分余额",
    "積分餘額",
)
MEMBER = ("member number", "会员号", "會員編號")
ACCOUNT = ("account number", "账号", "帳號")

KINDS = {
    kind.code: kind
    for kind in (
        FileKind(
            code="members",
            fields=(
                Field(field="number", headings=MEMBER, sample="88000001"),
                Field(
                    field="branch_code", headings=("branch code", "网点代码", "分行代碼"),
                    also=("网点号", "分行號"), sample="101",
                ),
                Field(field="joined_on", headings=("member since", "入会日期", "入會日期"), sample="2020-05-01"),
                Field(
                    field="full_name", headings=("full name", "姓名", "姓名"),
                    also=("name", "客户姓名"), sample="王小明", required=False,
                ),
                Field(field="pinyin", headings=("pinyin", "拼音", "拼音"), sample="wang xiao ming", required=False),
                Field(
                    field="phone", headings=("phone", "手机号", "手機號碼"),
                    also=("mobile", "手机号码", "电话"), sample="13800000001", required=False,
                ),
                Field(
                    field="national_id", headings=("national id", "证件号", "證件號碼"),
                    also=("身份证号", "身分證號碼"), sample="110101199003070011", required=False,
                ),
                Field(
                    field="email", headings=("e-mail", "电子邮箱", "電郵"),
                    also=("email", "邮箱"), sample="wang@example.com", required=False,
                ),
                Field(
                    field="birth_date", headings=("date of birth", "出生日期", "出生日期"),
                    also=("birthday", "生日"), sample="1990-03-07", required=False,
                ),
                Field(field="gender", headings=("gender", "性别", "性別"), also=("sex",), sample="男", required=False),
            ),
            key=("number",),
            forbidden=RIGHTS + BALANCES,
        ),
        FileKind(
            code="accounts",
            fields=(
                Field(field="number", headings=ACCOUNT, also=("账户号", "帳戶號碼"), sample="6200000001"),
                Field(field="member_number", headings=MEMBER, sample="88000001"),
                Field(
                    field="account_class", headings=("account class", "账户类别", "帳戶類別"),
                    also=("class",), sample="deposit",
                ),
                Field(field="opened_on", headings=("opened on", "开户日期", "開戶日期"), sample="2020-05-01"),
                Field(field="closed_on", headings=("closed on", "销户日期", "銷戶日期"), sample="", required=False),
            ),
            key=("number",),
            forbidden=RIGHTS + BALANCES,
        ),
        FileKind(
            code="snapshots",
            fields=(
                Field(field="account_number", headings=ACCOUNT, also=("账户号", "帳戶號碼"), sample="6200000001"),
                Field(field="day", headings=("date", "日期", "日期"), also=("day",), sample="2026-01-31"),
                Field(
                    field="amount", headings=("balance", "余额", "餘額"),
                    also=("amount", "金额", "金額"), sample="12345.67",
                ),
            ),
            key=("account_number", "day"),
            forbidden=RIGHTS,
        ),
        FileKind(
            code="holdings",
            fields=(
                Field(
                    field="external_id", headings=("holding id", "持有编号", "持有編號"),
                    also=("external id",), sample="H-000001",
                ),
                Field(field="product", headings=("product", "产品", "產品"), sample="wealth"),
                Field(
                    field="opened_on", headings=("held from", "持有起始日", "持有起始日"),
                    also=("opened on",), sample="2024-01-15",
                ),
                Field(
                    field="closed_on", headings=("held until", "持有终止日", "持有終止日"),
                    also=("closed on",), sample="", required=False,
                ),
                Field(field="member_number", headings=MEMBER, sample="88000001", required=False),
                Field(field="account_number", headings=ACCOUNT, sample="", required=False),
            ),
            key=("external_id",),
            forbidden=RIGHTS + BALANCES,
        ),
        FileKind(
            code="opening",
            fields=(
                Field(field="member_number", headings=MEMBER, sample="88000001"),
                Field(
                    field="currency", headings=("point currency", "积分种类", "積分種類"),
                    also=("currency",), sample="points",
                ),
                Field(field="points", headings=("points", "积分", "積分"), sample="1200"),
                Field(field="earned_on", headings=("earned on", "获得日期", "獲得日期"), sample="2025-03-10"),
                Field(
                    field="expires_on", headings=("expires on", "到期日", "到期日"),
                    also=("到期日期",), sample="2027-03-31", required=False,
                ),
                Field(
                    field="reference", headings=("lot reference", "批次编号", "批次編號"),
                    also=("reference",), sample="L-0001", required=False,
                ),
            ),
            key=("member_number", "currency", "earned_on", "expires_on", "reference"),
            forbidden=(*RIGHTS, "balance", "balance after", "余额", "餘額"),
        ),
    )
}  # fmt: skip
