"""HJ 212 messages, one test an oddity; expected values worked out by hand from the standard."""

from datetime import datetime

import pandas as pd
import pytest
from hj212_messages import framed, message
from made_deliveries import codes, delivery, one

from sources import hj212
from sources.catalogue import head_of, recognised
from sources.result import ReadResult
from vocabulary.reasons import DeliveryRefusedError, reasons

NAME = "hj212_20260922T1012.log"


def read(content: bytes, name: str = NAME) -> ReadResult:
    return hj212.read(content, delivery("hj212", name, content))


def values(result: ReadResult) -> dict[str, float]:
    return dict(zip(result.readings["parameter"], result.readings["value"], strict=True))


def test_an_hour_of_wastewater_with_amounts_and_flags():
    body = (
        "w01018-Cou=46.63,w01018-Avg=196.0,w01018-Min=190.1,w01018-Max=199.9,w01018-Flag=N;"
        "w00000-Avg=66.09,w00000-Cou=237.91,w00000-Flag=D;w01001-Avg=7.03,w01001-Flag=N"
    )
    result = read(framed(message(body)))
    # 66.09 L/s are 66.09 x 3.6 m3/h
    assert values(result) == pytest.approx(
        {"cod": 196.0, "cod_mass": 46.63, "effluent_flow": 237.924, "effluent_volume": 237.91, "ph": 7.03}
    )
    flow = one(result.readings, parameter="effluent_flow")
    assert (flow["provider_flag"], flow["raw"], flow["column"], flow["row"]) == (
        "D",
        "66.09",
        "w00000-Avg",
        1,
    )
    assert (flow["site"], flow["period"], flow["channel"]) == ("CPDW001", "1h", "automatic")
    assert flow["observed_at"] == datetime(2026, 9, 22, 10)
    assert codes(result) == {"field-not-taken": 2}
    assert result.cells_in == 7


def test_normalised_values_are_the_norm_parameter_also_by_a_z_code():
    body = "a34013-Avg=3.1,a34013-ZsAvg=4.2,a34013-Cou=0.5;a21026z-Avg=20.5;a00000-Avg=3.9"
    result = read(framed(message(body, st="31", mn="CPDA001")))
    assert values(result) == pytest.approx(
        {
            "flue_dust": 3.1,
            "flue_dust_norm": 4.2,
            "flue_dust_mass": 0.5,
            "flue_so2_norm": 20.5,
            "flue_flow": 14040,
        }
    )


def test_real_time_is_a_sample_at_its_second_and_a_day_stands_at_midnight():
    content = framed(message("w01018-Rtd=30.5", cn="2011", when="20260922101530")) + framed(
        message("w01018-Avg=31.5", cn="2031", when="20260921000000")
    )
    result = read(content)
    sample, day = one(result.readings, period="sample"), one(result.readings, period="1d")
    assert (sample["observed_at"], sample["value"]) == (datetime(2026, 9, 22, 10, 15, 30), 30.5)
    assert (day["observed_at"], day["value"], day["row"]) == (datetime(2026, 9, 21), 31.5, 2)


def test_minutes_have_no_period_and_count_once_a_frame():
    result = read(framed(message("w01018-Avg=1,w01018-Min=1;w01001-Avg=7", cn="2051")))
    assert codes(result) == {"period-unknown": 3}
    assert len(result.rejects) == 1


@pytest.mark.parametrize(
    ("code", "milli"),
    [
        ("w20115", 0.0005),
        ("w20111", 0.0005),
        ("w20117", 0.0005),
        ("w20119", 0.0005),
        ("w20120", 0.0005),
        ("w20128", 0.0005),
        ("w20142", 0.0005),
        ("w20143", 0.0005),
        ("w20122", 0.5),
        ("w20144", 0.5),
    ],
)
def test_trap_8_heavy_metals_in_micrograms(code, milli):
    result = read(framed(message(f"{code}-Avg=0.5", st="21")))
    assert result.readings["value"].tolist() == [milli]


def test_metals_by_their_codes_of_2005_have_no_sure_unit():
    assert codes(read(framed(message("022-Avg=0.5;029-Avg=0.5")))) == {"unknown-unit": 1}


def test_the_same_old_code_means_another_thing_in_another_medium():
    water = read(framed(message("001-Avg=7.2;B01-Avg=10")))
    assert values(water) == {"ph": 7.2, "effluent_flow": 36.0}
    with_gas = read(framed(message("001-Avg=7.2;02-Avg=12", st="31")))
    assert values(with_gas) == {"flue_so2": 12.0}
    assert codes(with_gas) == {"unknown-parameter": 1}


def test_an_unknown_medium_is_never_guessed():
    assert codes(read(framed(message("001-Avg=7.2;02-Avg=12", st="101")))) == {"medium-unknown": 2}


def test_a_gas_code_from_a_wastewater_outlet_contradicts_itself():
    assert codes(read(framed(message("a21026-Avg=12;w01018-Avg=30")))) == {"medium-conflict": 1}


def test_ambient_gases_and_particles_wait_for_a_unit():
    result = read(
        framed(message("a34004-Avg=14;a34002-Avg=31;a21026-Avg=6;a05024-Avg=63;a21005-Avg=0.427", st="22"))
    )
    assert values(result) == {"co": 0.427}
    assert codes(result) == {"unknown-unit": 4}


def test_ammonia_gas_has_no_parameter():
    result = read(framed(message("a21001-Avg=25.4;a21026-Avg=3", st="31")))
    assert codes(result) == {"unknown-parameter": 1}


def test_a_factor_twice_keeps_the_first():
    result = read(framed(message("w00000-Avg=10,w00000-Avg=19796346.00,w00000-Flag=N;B01-Avg=11")))
    assert values(result) == {"effluent_flow": 36.0}
    assert codes(result) == {"column-repeated": 2}
    assert set(result.rejects["raw"]) == {"19796346.00", "11"}


def test_flags_lower_case_unknown_and_of_the_whole_frame():
    body = "w01018-Avg=30,w01018-Flag=m;w21003-Avg=2,w21003-Flag=x7;w01001-Avg=7;Flag=D"
    result = read(framed(message(body)))
    flags = dict(zip(result.readings["parameter"], result.readings["provider_flag"], strict=True))
    assert flags == {"cod": "m", "nh3_n": "x7", "ph": "D"}


def test_two_different_flags_of_one_factor_are_both_kept():
    result = read(framed(message("w01018-Avg=30,w01018-Flag=N,w01018-Flag=D")))
    assert result.readings["provider_flag"].tolist() == ["N;D"]


def test_a_flag_belongs_to_its_own_frame():
    content = framed(message("w01018-Avg=30,w01018-Flag=D")) + framed(
        message("w01018-Avg=31", when="20260922110000")
    )
    assert read(content).readings["provider_flag"].tolist() == ["D", ""]


def test_blank_values_are_blank_and_words_are_no_numbers():
    result = read(framed(message("w01018-Avg=,w01018-Cou=-;w21003-Avg=abc;w01001-Avg=7")))
    assert (result.cells_in, result.blank) == (4, 2)
    assert codes(result) == {"not-a-number": 1}


def test_capital_letters_in_codes_and_fields():
    assert values(read(framed(message("W01018-AVG=456.00;W01001-avg=7")))) == {"cod": 456.0, "ph": 7.0}


def test_a_misspelt_suffix_is_a_cell_and_no_label():
    assert codes(read(framed(message("LA-td=50.1;w01001-Rtd=7", cn="2011")))) == {"field-unknown": 1}


def test_no_time_and_times_that_are_none():
    assert codes(read(framed(message("w01001-Avg=7", when="")))) == {"time-missing": 1}
    assert codes(read(framed(message("w01001-Avg=7", when="20261399000000")))) == {"time-invalid": 1}
    # an hour begins on the hour
    assert codes(read(framed(message("w01001-Avg=7", when="20260922101500")))) == {"time-invalid": 1}


def test_milliseconds_of_nought_are_read_and_others_not():
    assert len(read(framed(message("w01001-Rtd=7", cn="2011", when="20160824003817000"))).readings) == 1
    assert codes(read(framed(message("w01001-Rtd=7", cn="2011", when="20160824003817123")))) == {
        "time-invalid": 1
    }


def test_no_site_is_an_incomplete_key():
    assert codes(read(framed(message("w01001-Avg=7", mn="")))) == {"key-incomplete": 1}


def test_packets_share_the_time_of_their_message():
    head = "QN=20260922110500001;PNUM=2;PNO={};"
    content = framed(message("w01018-Avg=30", head=head.format(1))) + framed(
        message("w21003-Avg=2", when="", head=head.format(2))
    )
    result = read(content)
    assert values(result) == {"cod": 30.0, "nh3_n": 2.0}
    assert set(result.readings["observed_at"]) == {datetime(2026, 9, 22, 10)}
    # another message's time is not theirs
    strange = framed(message("w21003-Avg=2", when="", head="QN=20260922110500002;PNUM=2;PNO=2;"))
    assert codes(read(content + strange)) == {"time-missing": 1}


def test_messages_without_values_are_told_and_are_no_cells():
    content = (
        framed("ST=32;CN=2021;PW=s3cret;MN=M1;CP=&&DataTime=20260922100000;SB1-RS=0;SB2-RS=1&&")
        + framed(
            "QN=20260922100000000;ST=32;CN=2061;PW=s3cret;MN=M1;Flag=3;CP=&&BeginTime=20260101000000,EndTime=20260102000000&&"
        )
        + framed(message("w01001-Avg=7"))
    )
    result = read(content)
    assert result.cells_in == 1
    told = [problem for problem in result.problems if problem.code == "message-other"]
    assert "CN=2021×1" in told[0].zh


def test_an_unknown_message_with_values_is_not_lost():
    assert codes(read(framed(message("w01018-Avg=30,w01018-Min=1,DATState=3", cn="2082")))) == {
        "message-unknown": 2
    }


def test_an_encrypted_message_is_one_cell_and_never_read():
    secret = b"QN=20260922100000000;ST=32;CN=2061;PW=s3cret;MN=M1;Flag=9;CP=&&\x8f\x01\xfe;A\n=\x90&&"
    result = read(framed(secret, "ABCE") + framed(message("w01001-Avg=7")))
    assert codes(result) == {"frame-encrypted": 1}
    cell = result.rejects.iloc[0]
    assert (cell["site"], cell["column"], cell["row"]) == ("M1", "CP", 1)
    assert "s3cret" not in cell["raw"]


def test_edition_2025_in_plain_text_is_read():
    segment = message("w01018-Avg=30").replace("Flag=4", "Flag=8")
    assert values(read(framed(segment))) == {"cod": 30.0}


def test_a_wrong_code_a_dummy_code_and_a_wrong_length():
    segment = message("w01018-Avg=30,w01018-Flag=N")
    assert codes(read(framed(segment, "0BAD"))) == {"frame-crc": 1}
    assert codes(read(framed(segment, "FFFF"))) == {"frame-crc-dummy": 1}
    cut = framed(segment)[:-12] + b"\r\n"
    assert codes(read(cut)) == {"frame-length": 1}
    assert [problem.code for problem in read(cut).problems] == ["frame-damaged"]


def test_the_tail_of_a_frame_without_its_head():
    tail = framed(message("w01018-Avg=30;w21003-Avg=2"))[-25:]
    result = read(b"[2026-09-22 10:00:00]\r\n" + tail + framed(message("w01001-Avg=7")))
    assert codes(result) == {"frame-headless": 1}
    assert values(result) == {"ph": 7.0}


def test_rests_of_several_messages_are_nobodys():
    rest = message("w01018-Avg=30", mn="M1") + "\r\n" + message("w01018-Avg=31", mn="M2") + "\r\n"
    result = read(rest.encode() + framed(message("w01001-Avg=7", mn="M3")))
    assert codes(result) == {"frame-headless": 2}
    assert result.rejects["row"].tolist() == [1, 2]
    assert set(result.rejects["site"]) == {""}
    assert result.rejects["observed_at"].isna().all()


def test_passwords_stay_in_the_landed_bytes_only():
    content = framed(message("w01018-Avg=30;w01019-Avg=bad")) + framed(message("w01018-Avg=31"), "0BAD")
    # the rest of a message, and one whose separators are damaged
    content += b"PW=s3cret;w01018-Avg=3\r\nw01018-Avg=3|PW=s3cret|MN=1\r\n"
    result = read(content)
    everything = result.readings.astype(str).to_csv() + result.rejects.astype(str).to_csv()
    everything += "".join(problem.zh + problem.en for problem in result.problems)
    assert "s3cret" not in everything


def test_json_lines_keep_their_physical_line():
    frame = framed(message("w01018-Avg=30", mn="点一")).decode()
    lines = "\n\n".join(
        '{"frame": "' + text.strip().replace("点一", "\\u70b9\\u4e00") + '", "crc_ok": true}'
        for text in (frame, frame)
    )
    result = read(lines.encode(), "frames_2026-09-22.jsonl")
    assert result.readings["row"].tolist() == [1, 3]
    assert result.readings["site"].tolist() == ["点一", "点一"]


def test_names_tell_the_day_and_the_minute():
    assert hj212.partition("hj212_20260922T101530123_10.0.0.7_000001.log") == "2026-09-22"
    assert read(framed(message("w01001-Avg=7"))).issued_at == datetime(2026, 9, 22, 10, 12)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\r\n", "file-empty"),
        (b"no frames here\r\n", "layout-unknown"),
        (framed("ST=32;CN=9015;PW=1;MN=M1;Flag=8;CP=&&&&"), "no-cells"),
    ],
)
def test_what_is_refused_whole(content, code):
    with pytest.raises(DeliveryRefusedError) as refused:
        read(content)
    assert refused.value.code == code
    assert reasons()[code].severity == "refuse"


def test_a_log_with_binary_junk_is_recognised():
    content = b"\x00\x01\x02\xff\xfe" + framed(message("w01001-Avg=7"))
    sure = recognised(content, NAME)
    assert next(iter(sure)) == "hj212"
    assert hj212.recognise(head_of(content), "log.txt") == 0.9
    assert hj212.recognise("## 1234 heading", NAME) == 0.0


def test_rows_are_physical_lines_and_readings_follow_the_log():
    content = (
        b"[10:00]\r\r\n"
        + framed(message("w01018-Avg=30"))
        + b"\n[11:00]\n"
        + framed(message("w01018-Avg=31", when="20260922110000"))
    )
    assert read(content).readings["row"].tolist() == [2, 5]


def test_gb18030_and_odd_bytes_show_in_rejects():
    segment = message("w01018-Avg=30").encode().replace(b"30", "正常".encode("gb18030"))
    result = read(framed(segment) + framed(message("w01018-Avg=3").encode().replace(b"3&&", b"\xff\x013&&")))
    assert result.encoding == "binary"
    assert result.rejects["raw"].tolist() == ["正常", "\\xff\\x013"]
    assert isinstance(result.rejects, pd.DataFrame)
