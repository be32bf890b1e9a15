"""One small sound export of every air layout and layout from abroad, for the tests that damage them."""

import json

_OPENAQ = "location_id,sensors_id,location,datetime,lat,lon,parameter,units,value\n"
_WQP = (
    "ActivityTypeCode,ActivityMediaName,ActivityStartDate,ActivityStartTime/Time,ActivityStartTime/TimeZoneCode,"
    "MonitoringLocationIdentifier,ResultDetectionConditionText,CharacteristicName,ResultSampleFractionText,"
    "ResultMeasureValue,ResultMeasure/MeasureUnitCode,DetectionQuantitationLimitMeasure/MeasureValue,"
    "DetectionQuantitationLimitMeasure/MeasureUnitCode\n"
)

#: source key -> name and text
AIR_EXPORTS = {
    "air-quotsoft-cities": (
        "china_cities_20250310.csv",
        "date,hour,type,聊城,济南,德州\r\n"
        + "".join(f"20250310,{hour},{kind},{hour},,1.5\r\n" for hour in range(6) for kind in ("AQI", "CO")),
    ),
    "air-cnemc-feed": (
        "airnow_2019-02-20T07.json",
        json.dumps(
            {
                "features": [
                    {
                        "type": "Feature",
                        "properties": {
                            "stationcode": f"{1000 + place}A",
                            "timepoint": "2019-02-20T07:00:00",
                            "primarypollutant": "颗粒物(PM10),细颗粒物(PM2.5)",
                            "o3": "84",
                            "o3_24h": "62",
                            "pm10": "-;",
                            "co": "0.7",
                        },
                    }
                    for place in range(5)
                ]
            }
        ),
    ),
    "air-pm25in": (
        "聊城.csv",
        "Date,Hour,WatchPoint,AQI,Level,PrimaryPollution,PM2.5,PM10,CO,NO2,O3_1h,O3_8h,SO2\n"
        + "".join(
            f'20200402,{hour:02d},区政府,50,优,"\n 颗粒物(PM10)\n",35,—,0.6,21,NaN,65,-\n'
            for hour in range(5)
        ),
    ),
    "air-city-daily": (
        "聊城.csv",
        "日期,质量等级,AQI,PM2.5,PM10,SO2,NO2,CO,O3,城市\n"
        + "".join(f"2025-01-0{day},良,73,53,96,9,40,0.9,102,聊城\n" for day in range(1, 6)),
    ),
    "air-station-long": (
        "空气站小时_202503.csv",
        "聊城市空气站小时数据,,,,,,\n点位,时间,PM2.5(μg/m³),PM10(μg/m³),CO(mg/m³),O3(μg/m³),备注\n"
        + "".join(f"党校,2025-03-10 {hour:02d}:00,35,51,0.6,--,\n" for hour in range(1, 9)),
    ),
    "air-dustfall": (
        "降尘_2025.csv",
        "点位,月份,降尘量(t/(km²·30d)),备注\n"
        + "".join(
            f"点位{place},2025年{month}月,{place}.{month},\n" for place in range(4) for month in range(1, 5)
        ),
    ),
    "abroad-openaq": (
        "location-2178-20230222.csv",
        _OPENAQ
        + "".join(
            f"2178,{sensor},Del Norte,2023-02-22T{hour:02d}:00:00-07:00,35.1,-106.5,{parameter},{unit},{value}\n"
            for hour in range(1, 7)
            for sensor, parameter, unit, value in ((3919, "pm10", "µg/m³", 14.0), (3917, "o3", "ppm", 0.04))
        ),
    ),
    "abroad-wqp": (
        "result.csv",
        _WQP
        + "".join(
            f'Sample-Routine,Water,2026-03-0{day},10:30:00,EST,ORG-1,{condition},"{name}",{fraction},{value},{unit},5,ug/l\n'
            for day in range(1, 7)
            for condition, name, fraction, value, unit in (
                ("", "Temperature, water", "", "11.2", "deg C"),
                ("Not Detected", "Phosphorus", "Total", "", ""),
            )
        ),
    ),
}
