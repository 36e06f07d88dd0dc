"""Country: by name in English or by ISO 3166 code."""

from __future__ import annotations

from einstein.ml.types.base import Evidence, FieldType, share_where

NAMES = frozenset(
    """argentina|australia|austria|belgium|brazil|bulgaria|canada|chile|china|colombia|croatia|czech republic|czechia|denmark|egypt|
estonia|finland|france|germany|greece|hong kong|hungary|india|indonesia|ireland|israel|italy|japan|kenya|latvia|lithuania|
luxembourg|malaysia|mexico|morocco|netherlands|new zealand|nigeria|norway|pakistan|peru|philippines|poland|portugal|romania|
russia|saudi arabia|serbia|singapore|slovakia|slovenia|south africa|south korea|spain|sweden|switzerland|taiwan|thailand|
tunisia|turkey|ukraine|united arab emirates|united kingdom|united states|united states of america|usa|uk|vietnam""".replace(
        "\n", ""
    ).split("|")
)
CODES = frozenset(
    [
        "AR",
        "AU",
        "AT",
        "BE",
        "BR",
        "BG",
        "CA",
        "CL",
        "CN",
        "CO",
        "HR",
        "CZ",
        "DK",
        "EG",
        "EE",
        "FI",
        "FR",
        "DE",
        "GR",
        "HK",
        "HU",
        "IN",
        "ID",
        "IE",
        "IL",
        "IT",
        "JP",
        "KE",
        "LV",
        "LT",
        "LU",
        "MY",
        "MX",
        "MA",
        "NL",
        "NZ",
        "NG",
        "NO",
        "PK",
        "PE",
        "PH",
        "PL",
        "PT",
        "RO",
        "RU",
        "SA",
        "RS",
        "SG",
        "SK",
        "SI",
        "ZA",
        "KR",
        "ES",
        "SE",
        "CH",
        "TW",
        "TH",
        "TN",
        "TR",
        "UA",
        "AE",
        "GB",
        "US",
        "VN",
    ]
)


class Country(FieldType):
    """A category with a name of its own."""

    name, title, icon, order, family = "country", "Country", "globe", 45, "category"

    def fits(self, evidence: Evidence) -> float:
        named = share_where(evidence.written, lambda value: value.lower() in NAMES)
        if evidence.named("country", "land", "pays", "nation"):
            found = max(named, share_where(evidence.written, CODES.__contains__))
            return found if found >= 0.6 else 0.0
        return named if named >= 0.95 else 0.0


TYPE = Country()
