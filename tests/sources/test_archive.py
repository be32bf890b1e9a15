"""Zip archives of exports: every part is read under its own name, and nothing unsafe is opened."""

import gzip
import io
import struct
import zipfile

import pytest
from made_deliveries import codes, delivery

from sources.archive import archived, check_workbook
from sources.catalogue import read_delivery, recognised
from vocabulary.reasons import DeliveryRefusedError

_DAY = "date,hour,type,1625A\r\n{day},8,CO,{value}\r\n{day},9,CO,x\r\n"


def day(date: str, value: str) -> bytes:
    return _DAY.format(day=date, value=value).encode()


def packed(*parts: tuple[str, bytes], **how: object) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **how) as archive:
        for name, body in parts:
            archive.writestr(name, body)
    return out.getvalue()


def test_every_part_is_an_export_of_its_own():
    content = packed(
        ("2025/china_sites_20250310.csv", day("20250310", "0.4")),
        ("2025/china_sites_20250311.csv.gz", gzip.compress(day("20250311", "0.5"))),
        ("__MACOSX/2025/._china_sites_20250310.csv", b"\x00\x05"),
    )
    result = read_delivery(content, delivery("air-quotsoft", "三月.zip", content))
    assert result.cells_in == 4
    assert codes(result) == {"not-a-number": 2}
    found = result.readings[["value", "sheet", "row"]].to_numpy().tolist()
    assert found == [
        [0.4, "2025/china_sites_20250310.csv", 2],
        [0.5, "2025/china_sites_20250311.csv.gz", 2],
    ]
    assert str(result.issued_at) == "2025-03-12 00:00:00"
    assert next(iter(recognised(content, "三月.zip"))) == "air-quotsoft"


def test_a_part_that_cannot_be_read_refuses_the_whole_and_is_named():
    content = packed(("a/china_sites_20250310.csv", day("20250310", "0.4")), ("说明.txt", "联系人".encode()))
    with pytest.raises(DeliveryRefusedError, match=r"说明\.txt") as refused:
        read_delivery(content, delivery("air-quotsoft", "三月.zip", content))
    assert refused.value.code == "layout-unknown"


def test_names_from_chinese_windows_are_readable():
    content = packed(("三月.csv", b"x")).replace("三月".encode(), "三月啊".encode("gb18030"))
    # the UTF-8 bit off, as such programs write it: the same 6 bytes then spell three characters
    content = content.replace(b"PK\x03\x04\x14\x00\x00\x08", b"PK\x03\x04\x14\x00\x00\x00")
    place = content.index(b"PK\x01\x02") + 8
    content = content[:place] + b"\x00\x00" + content[place + 2 :]
    assert [name for name, _ in archived(content) or []] == ["三月啊.csv"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../etc/x.csv", "指向压缩包之外"),
        ("/etc/x.csv", "指向压缩包之外"),
        ("C:\\x.csv", "指向压缩包之外"),
    ],
)
def test_a_path_that_leads_out_is_refused(name, why):
    with pytest.raises(DeliveryRefusedError, match=why) as refused:
        archived(packed((name, b"x")))
    assert refused.value.code == "archive-unsafe"


def test_an_archive_within_an_archive_is_refused():
    with pytest.raises(DeliveryRefusedError) as refused:
        archived(packed(("a.zip", packed(("b.csv", b"x")))))
    assert refused.value.code == "archive-unsafe"


def test_a_password_is_refused():
    content = bytearray(packed(("a.csv", b"x")))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DeliveryRefusedError, match="加密") as refused:
        archived(bytes(content))
    assert refused.value.code == "archive-unsafe"


def test_too_many_parts_are_refused():
    with pytest.raises(DeliveryRefusedError) as refused:
        archived(packed(*((f"{number}.csv", b"x") for number in range(2001))))
    assert refused.value.code == "archive-unsafe"


@pytest.mark.parametrize("opened", [archived, check_workbook])
def test_a_bomb_stops_at_the_limit(opened):
    content = packed(("a.csv", b"0" * 30_000_000))
    assert len(content) < 60_000
    with pytest.raises(DeliveryRefusedError) as refused:
        opened(content, 1_000_000)
    assert refused.value.code == "file-too-large"


def test_a_part_that_lies_about_its_size_is_refused():
    content = packed(("a.csv", b"0" * 5000))
    lie, true = struct.pack("<I", 10), struct.pack("<I", 5000)
    with pytest.raises(DeliveryRefusedError) as refused:
        archived(content.replace(true, lie))
    assert refused.value.code == "file-unreadable"


def test_an_archive_without_files_is_refused_as_empty():
    with pytest.raises(DeliveryRefusedError) as refused:
        archived(packed(("folder/", b""), (".DS_Store", b"x")))
    assert refused.value.code == "file-empty"


@pytest.mark.parametrize("cut", [30, 60, 100])
def test_a_cut_archive_is_refused(cut):
    with pytest.raises(DeliveryRefusedError) as refused:
        archived(packed(("a.csv", day("20250310", "0.4")))[:cut])
    assert refused.value.code == "file-unreadable"


def test_a_workbook_is_no_archive():
    assert archived(packed(("[Content_Types].xml", b"<x/>"))) is None
